/* mem: allocation that never fails and is always counted.
 *
 * Running out of memory ends the process with a report: sizes that come from outside are bounded
 * before they reach this module. With jemalloc the count is read from the allocator's own
 * per-thread counters, so it costs nothing on the hot path; otherwise each call adds the
 * allocator's real block size to an atomic counter.
 *
 * Pure in the sense of the house: no clock, no I/O. Tests: unit/base. */
#ifndef CORE_BASE_MEM_H
#define CORE_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t n) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_zalloc(size_t n) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_realloc(void *p, size_t n) __attribute__((alloc_size(2), returns_nonnull));
void mem_free(void *p);
char *mem_strdup(const char *s) __attribute__((returns_nonnull));
char *mem_strndup(const char *s, size_t n) __attribute__((returns_nonnull));

/* Bytes in use now, as the allocator rounds them. */
size_t mem_used(void);
/* What the allocator really gave for p (p from mem_alloc and friends). */
size_t mem_size(const void *p);
/* Each thread that allocates or frees calls this once at its start; the main thread first of all.
 */
void mem_thread_start(void);
/* And this at its end, if it ends before the process: what it counted stays counted. */
void mem_thread_end(void);
/* Name and version of the allocator, as INFO prints it ("jemalloc-5.3.0", "libc"). */
const char *mem_allocator(void);

struct mem_stats {
    size_t allocated, active, resident, retained;
};
/* The allocator's own view; without jemalloc allocated = active = resident = mem_used(). */
void mem_stats(struct mem_stats *out);
/* The allocator's own report in text, in pieces. */
void mem_report(void (*write)(void *arg, const char *text), void *arg);
/* Reads one of the allocator's figures by name and, unless `set` is NULL, sets it. False: there is
 * no such thing. */
bool mem_ctl(const char *name, int64_t *value, const int64_t *set);
/* Gives unused pages back to the system. */
void mem_purge(void);
/* The same, by and by, from a thread of the allocator's own: without one a process that falls idle
 * keeps what it freed. To be called behind the last fork of a start. */
void mem_purge_in_background(bool on);

#endif
