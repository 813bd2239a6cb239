/* clock: the only callers of the system clock. Layer core/sys. */
#ifndef CORE_SYS_CLOCK_H
#define CORE_SYS_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* Unix time */
int64_t clock_wall_us(void);
/* A seed from the system's random source, for generators and hash keys. */
uint64_t clock_entropy(void);

#endif
