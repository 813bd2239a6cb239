/* disk: what survives. A node has a few named files; each has its durable bytes, and the bytes
 * last written, which are the same once they were synced.
 *
 * Writing replaces the whole file (temporary file and rename in the real one). A killed process
 * finds what it wrote; after a crash of the host only the synced bytes are there. A lost file
 * is empty. Owns all bytes. */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "core/base/str.h"
#include "tests/sim/sim.h"

enum disk_file { DISK_STATE, DISK_DATA, DISK_FILES };

struct disk *disk_new(void);
void disk_free(struct disk *d);
void disk_write(struct node *n, enum disk_file f, struct slice bytes);
void disk_sync(struct node *n, enum disk_file f);
/* What a process that starts now finds; empty when there is no such file. Lends. */
struct slice disk_read(struct node *n, enum disk_file f);
void disk_host_crashed(struct node *n);
void disk_lose(struct node *n, enum disk_file f);

#endif
