#include "sentinel/state_log.h"

#include "core/base/crc.h"
#include "core/base/mem.h"
#include "core/base/num.h"

static void shorten(struct state_log *l, size_t n)
{
    while (l->lines.n > n) {
        str_free(&vec_last(&l->lines));
        l->lines.n--;
    }
}

void state_log_free(struct state_log *l)
{
    shorten(l, 0);
    vec_free(&l->lines);
}

static uint64_t checksum(struct slice s) { return crc64(0, s.p, s.n); }

/* The next line, without its end; false when there is none that is whole. */
static bool next_line(struct slice *left, struct slice *line)
{
    ptrdiff_t nl = slice_find(*left, '\n', 0);
    if (nl < 0) return false;
    *line = slice_of(left->p, (size_t)nl);
    *left = slice_of(left->p + nl + 1, left->n - (size_t)nl - 1);
    return true;
}

static bool next_number(struct slice *line, uint64_t max, uint64_t *out)
{
    ptrdiff_t at = slice_find(*line, ' ', 0);
    if (at <= 0 || !num_to_u64(slice_of(line->p, (size_t)at), out) || *out > max) return false;
    *line = slice_of(line->p + at + 1, line->n - (size_t)at - 1);
    return true;
}

static bool read_hex(struct slice s, uint64_t *out)
{
    *out = 0;
    if (s.n != 16) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0) return false;
        *out = *out << 4 | (uint64_t)v;
    }
    return true;
}

/* The records of a batch, checked before any of them counts. */
static bool check_records(struct slice from, uint64_t records, uint64_t lines, uint64_t crc,
                          struct slice *rest)
{
    struct slice left = from, line;
    for (uint64_t i = 0; i < records; i++) {
        uint64_t at;
        if (!next_line(&left, &line) || !next_number(&line, lines ? lines - 1 : 0, &at) ||
            line.n > STATE_LOG_LINE_MAX || !lines)
            return false;
    }
    *rest = left;
    return checksum(slice_of(from.p, from.n - left.n)) == crc;
}

static void take_records(struct state_log *l, struct slice left, uint64_t records, uint64_t lines)
{
    struct slice line;
    uint64_t at;
    shorten(l, lines);
    while (l->lines.n < lines) vec_push(&l->lines, (struct str){ 0 });
    for (uint64_t i = 0; i < records && next_line(&left, &line); i++)
        if (next_number(&line, STATE_LOG_LINES_MAX, &at)) str_set(&l->lines.at[at], line);
}

static bool read_batch(struct state_log *l, struct slice *left)
{
    struct slice line, rest = *left;
    uint64_t lines, records, crc;
    if (!next_line(&rest, &line) || !slice_starts(line, "batch ")) return false;
    line = slice_of(line.p + 6, line.n - 6);
    if (!next_number(&line, STATE_LOG_LINES_MAX, &lines) ||
        !next_number(&line, STATE_LOG_LINES_MAX, &records) || !read_hex(line, &crc))
        return false;
    /* What is new in the list must be told. */
    if (lines > l->lines.n + records) return false;
    struct slice from = rest;
    if (!check_records(from, records, lines, crc, &rest)) return false;
    take_records(l, from, records, lines);
    *left = rest;
    return true;
}

bool state_log_read(struct state_log *l, struct slice bytes, size_t *good)
{
    struct slice left = bytes;
    shorten(l, 0);
    *good = 0;
    if (!slice_starts(bytes, STATE_LOG_HEAD)) return false;
    size_t head = sizeof(STATE_LOG_HEAD) - 1;
    left = slice_of(bytes.p + head, bytes.n - head);
    while (read_batch(l, &left)) {}
    *good = bytes.n - left.n;
    return true;
}

void state_log_write(struct state_log *l, const struct slice *now, size_t n, bool whole,
                     struct buf *out)
{
    struct buf records = { 0 };
    uint64_t count = 0;
    bool shorter = n < l->lines.n;
    if (whole) shorten(l, 0);
    for (size_t i = 0; i < n; i++) {
        bool known = i < l->lines.n;
        if (known && slice_eq(str_slice(l->lines.at[i]), now[i])) continue;
        if (!known) vec_push(&l->lines, (struct str){ 0 });
        str_set(&l->lines.at[i], now[i]);
        buf_fmt(&records, "%zu %.*s\n", i, SLICE_ARG(now[i]));
        count++;
    }
    shorten(l, n);
    if (whole) buf_putz(out, STATE_LOG_HEAD);
    if (count || shorter || whole) {
        buf_fmt(out, "batch %zu %llu %016llx\n", n, (unsigned long long)count,
                (unsigned long long)checksum(buf_slice(&records)));
        buf_puts(out, buf_slice(&records));
    }
    buf_free(&records);
}
