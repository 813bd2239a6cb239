#include "tests/sim/toy.h"

#include <stddef.h>

#include "core/base/num.h"

struct saved {
    char magic[4];
    char replid[44];
    int64_t offset;
    uint64_t stream, data, writes;
    uint64_t has[TOY_WRITES_MAX / 64];
    uint64_t sum;
};

uint64_t toy_hash(uint64_t h, struct slice bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        h = (h ^ (uint8_t)bytes.p[i]) * 0x100000001b3u;
    return h;
}

static uint64_t sum_of(const struct saved *s)
{
    const uint64_t *word = (const uint64_t *)(const void *)s;
    uint64_t h = 7;
    for (size_t i = 0; i < offsetof(struct saved, sum) / sizeof(*word); i++)
        h = (h ^ word[i]) * 0x9e3779b97f4a7c15u + i;
    return h;
}

bool toy_has(const struct toy *t, int64_t number)
{
    return number >= 0 && number < TOY_WRITES_MAX && (t->has[number / 64] >> (number % 64) & 1);
}

static void write_one(struct toy *t, int64_t number)
{
    t->data = (t->data ^ (uint64_t)number) * 0x9e3779b97f4a7c15u + 1;
    t->writes++;
    t->has[number / 64] |= 1ull << (number % 64);
}

void toy_forget_multi(struct toy *t)
{
    t->in_multi = false;
    t->queued = 0;
}

bool toy_apply(struct toy *t, int argc, const struct slice *argv)
{
    if (slice_eqz(argv[0], "MULTI")) {
        t->in_multi = true;
    } else if (slice_eqz(argv[0], "EXEC")) {
        for (int i = 0; i < t->queued; i++)
            write_one(t, t->queue[i]);
        toy_forget_multi(t);
    } else if (slice_eqz(argv[0], "W")) {
        int64_t number;
        if (argc != 3 || !num_to_i64(argv[1], &number)) return false;
        if (number < 0 || number >= TOY_WRITES_MAX) return false;
        if (!t->in_multi)
            write_one(t, number);
        else if (t->queued < TOY_QUEUE_MAX)
            t->queue[t->queued++] = number;
    } else {
        return slice_eqz(argv[0], "PING") || slice_eqz(argv[0], "SELECT") ||
               slice_eqz(argv[0], "PUBLISH") || slice_eqz(argv[0], "REPLCONF");
    }
    return true;
}

void toy_save(const struct toy *t, const char *replid, int64_t offset, struct buf *out)
{
    struct saved s;
    memset(&s, 0, sizeof(s));
    memcpy(s.magic, "TOY1", 4);
    text_copy(s.replid, sizeof(s.replid), replid);
    s.offset = offset;
    s.stream = t->stream;
    s.data = t->data;
    s.writes = t->writes;
    memcpy(s.has, t->has, sizeof(s.has));
    s.sum = sum_of(&s);
    buf_put(out, &s, sizeof(s));
}

bool toy_load(struct toy *t, struct slice text, char *replid, int64_t *offset)
{
    struct saved s;
    if (text.n != sizeof(s)) return false;
    memcpy(&s, text.p, sizeof(s));
    if (memcmp(s.magic, "TOY1", 4) != 0) return false;
    if (s.sum != sum_of(&s)) return false;
    memset(t, 0, sizeof(*t));
    t->stream = s.stream;
    t->data = s.data;
    t->writes = s.writes;
    memcpy(t->has, s.has, sizeof(s.has));
    text_copy(replid, 41, s.replid);
    *offset = s.offset;
    return true;
}
