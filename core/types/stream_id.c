#include "core/types/stream_id.h"

#include <errno.h>
#include <stdlib.h>

#define TEXT_MAX 127 /* longer texts are no ids */

/* A number as strtoull takes it, but never below zero. */
static bool read_number(const char *z, uint64_t *out)
{
    int64_t i;
    char *end;
    if (num_to_i64(slice_z(z), &i)) {
        *out = (uint64_t)i;
        return i >= 0;
    }
    errno = 0;
    *out = strtoull(z, &end, 10);
    return !errno && *z && !*end;
}

bool stream_id_read(struct slice s, uint64_t missing, bool *any_seq, struct stream_id *out)
{
    char z[TEXT_MAX + 1];
    if (s.n > TEXT_MAX) return false;
    slice_cstr(s, z, sizeof(z));
    if (any_seq) *any_seq = false;
    char *dash = strchr(z, '-');
    if (dash) *dash++ = 0;
    out->seq = missing;
    if (!read_number(z, &out->ms)) return false;
    if (dash && any_seq && strcmp(dash, "*") == 0) {
        *any_seq = true;
        out->seq = 0;
        return true;
    }
    return !dash || read_number(dash, &out->seq);
}

static void put_u64(uint64_t v, char *out)
{
    for (int i = 7; i >= 0; i--, v >>= 8) out[i] = (char)(unsigned char)v;
}

static uint64_t get_u64(const char *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v = v << 8 | (unsigned char)p[i];
    return v;
}

void stream_id_put(struct stream_id id, char out[16])
{
    put_u64(id.ms, out);
    put_u64(id.seq, out + 8);
}

struct stream_id stream_id_get(const char p[16])
{
    return (struct stream_id){ get_u64(p), get_u64(p + 8) };
}
