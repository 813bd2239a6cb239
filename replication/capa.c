#include "replication/capa.h"

static const char *const names[] = { "eof", "psync2", "live-ack", "digest", "beat", "early" };
#define NAMES (sizeof(names) / sizeof(names[0]))

unsigned capa_named(struct slice name)
{
    for (unsigned i = 0; i < NAMES; i++)
        if (slice_ieqz(name, names[i])) return 1u << i;
    return 0;
}

unsigned capa_list_read(struct slice list)
{
    unsigned capa = 0;
    while (list.p) capa |= capa_named(slice_cut(&list, ','));
    return capa;
}

static void put_name(void *arg, struct slice name)
{
    struct buf *out = arg;
    if (buf_size(out) > 0 && buf_head(out)[buf_size(out) - 1] != ' ') buf_putc(out, ',');
    buf_puts(out, name);
}

void capa_list_write(struct buf *out, unsigned capa) { capa_each(capa, put_name, out); }

void capa_each(unsigned capa, void (*fn)(void *arg, struct slice name), void *arg)
{
    for (unsigned i = 0; i < NAMES; i++)
        if (capa & 1u << i) fn(arg, slice_z(names[i]));
}
