#include "replication/digest.h"

#include <stdio.h>
#include <string.h>

#include "core/base/num.h"

#define SEED 0x9e3779b97f4a7c15u
#define MIX 0xff51afd7ed558ccdu

void digest_start(struct digest *d, int64_t at)
{
    int64_t into = at % DIGEST_WINDOW;
    memset(d, 0, sizeof(*d));
    d->on = true;
    d->at = at;
    d->whole_at = into ? at + (DIGEST_WINDOW - into) : at;
    d->hash = SEED;
}

void digest_stop(struct digest *d) { d->on = false; }

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * MIX;
    return hash ^ (hash >> 32);
}

static void put_byte(struct digest *d, unsigned char c)
{
    d->word |= (uint64_t)c << (8 * d->word_n);
    if (++d->word_n < 8) return;
    d->hash = mix(d->hash, d->word);
    d->word = d->word_n = 0;
}

static void put_bytes(struct digest *d, struct slice b)
{
    size_t i = 0;
    while (i < b.n && d->word_n != 0) put_byte(d, (unsigned char)b.p[i++]);
    uint64_t hash = d->hash;
    for (; i + 8 <= b.n; i += 8) {
        uint64_t word;
        memcpy(&word, b.p + i, 8);
        hash = mix(hash, word);
    }
    d->hash = hash;
    while (i < b.n) put_byte(d, (unsigned char)b.p[i++]);
}

static void end_window(struct digest *d)
{
    if (d->at > d->whole_at) {
        d->last = (struct digest_mark){ d->at, mix(d->hash, (uint64_t)d->at) };
        d->kept[d->at / DIGEST_WINDOW % DIGEST_KEPT] = d->last;
    }
    d->hash = SEED;
    d->word = d->word_n = 0; /* one that began anywhere is aligned from here on */
}

void digest_add(struct digest *d, struct slice bytes)
{
    if (!d->on) return;
    while (bytes.n > 0) {
        size_t room = (size_t)(DIGEST_WINDOW - d->at % DIGEST_WINDOW);
        size_t n = bytes.n < room ? bytes.n : room;
        put_bytes(d, slice_of(bytes.p, n));
        d->at += (int64_t)n;
        if (n == room) end_window(d);
        bytes = slice_of(bytes.p + n, bytes.n - n);
    }
}

void digest_spoil(struct digest *d) { d->hash ^= MIX; }

enum digest_answer digest_compare(const struct digest *d, struct digest_mark theirs)
{
    if (!d->on || theirs.end <= 0) return DIGEST_UNKNOWN;
    const struct digest_mark *m = &d->kept[theirs.end / DIGEST_WINDOW % DIGEST_KEPT];
    if (m->end != theirs.end) return DIGEST_UNKNOWN;
    return m->hash == theirs.hash ? DIGEST_SAME : DIGEST_DIFFERS;
}

struct slice digest_write(struct digest_mark m, char out[DIGEST_TEXT_MAX])
{
    int n = snprintf(out, DIGEST_TEXT_MAX, "%lld:%016llx", (long long)m.end,
                     (unsigned long long)m.hash);
    return slice_of(out, (size_t)n);
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_read(struct slice text, struct digest_mark *m)
{
    ptrdiff_t colon = slice_find(text, ':', 0);
    *m = (struct digest_mark){ 0 };
    if (colon <= 0 || text.n - (size_t)colon != 17) return false;
    if (!num_to_i64(slice_of(text.p, (size_t)colon), &m->end) || m->end <= 0) return false;
    for (size_t i = (size_t)colon + 1; i < text.n; i++) {
        int h = hex_of(text.p[i]);
        if (h < 0) return false;
        m->hash = m->hash << 4 | (uint64_t)h;
    }
    return true;
}
