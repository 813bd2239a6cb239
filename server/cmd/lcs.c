/* LCS: the longest common subsequence of two strings, by the table of all prefix pairs:
 * O(N*M) time and memory, so the table is bounded by proto-max-bulk-len. */
#include "server/cmd/families.h"
#include "server/cmd/keyed.h"

struct lcs {
    struct slice a, b;
    uint32_t *len; /* (a.n + 1) x (b.n + 1): length for the prefixes of i and j bytes */
};

static uint32_t *cell(const struct lcs *l, size_t i, size_t j)
{
    return &l->len[i * (l->b.n + 1) + j];
}

static void fill(struct lcs *l)
{
    for (size_t i = 0; i <= l->a.n; i++)
        for (size_t j = 0; j <= l->b.n; j++) {
            if (i == 0 || j == 0) {
                *cell(l, i, j) = 0;
            } else if (l->a.p[i - 1] == l->b.p[j - 1]) {
                *cell(l, i, j) = *cell(l, i - 1, j - 1) + 1;
            } else {
                uint32_t up = *cell(l, i - 1, j), left = *cell(l, i, j - 1);
                *cell(l, i, j) = up > left ? up : left;
            }
        }
}

/* The subsequence's bytes, found backwards. */
static void collect(const struct lcs *l, char *out)
{
    size_t i = l->a.n, j = l->b.n, at = *cell(l, i, j);
    while (at > 0) {
        if (l->a.p[i - 1] == l->b.p[j - 1])
            out[--at] = l->a.p[i - 1], i--, j--;
        else if (*cell(l, i - 1, j) > *cell(l, i, j - 1))
            i--;
        else
            j--;
    }
}

static void reply_match(struct call *c, size_t a_end, size_t b_end, size_t n, bool with_len)
{
    reply_array(c, with_len ? 3 : 2);
    size_t ends[] = { a_end, b_end };
    for (int k = 0; k < 2; k++) {
        reply_array(c, 2);
        reply_int(c, (int64_t)(ends[k] - n + 1));
        reply_int(c, (int64_t)ends[k]);
    }
    if (with_len) reply_int(c, (int64_t)n);
}

/* Runs of matching bytes, from the end of the strings to their beginning. */
static size_t reply_runs(struct call *c, const struct lcs *l, uint64_t min, bool with_len)
{
    size_t i = l->a.n, j = l->b.n, run = 0, runs = 0, a_end = 0, b_end = 0;
    uint32_t left = *cell(l, i, j);
    while (left > 0) {
        bool hit = l->a.p[i - 1] == l->b.p[j - 1];
        if (hit) {
            if (run == 0) a_end = i - 1, b_end = j - 1;
            run++, left--, i--, j--;
        }
        bool ends = left == 0 || !hit || l->a.p[i - 1] != l->b.p[j - 1];
        if (run && ends) {
            if (run >= min) reply_match(c, a_end, b_end, run, with_len), runs++;
            run = 0;
        }
        if (!hit) {
            if (*cell(l, i - 1, j) > *cell(l, i, j - 1))
                i--;
            else
                j--;
        }
    }
    return runs;
}

struct lcs_options {
    bool len, idx, with_len;
    int64_t min;
};

static bool take_options(struct call *c, struct lcs_options *o)
{
    for (int i = 3; i < c->argc; i++) {
        if (arg_is(c, i, "LEN")) {
            o->len = true;
        } else if (arg_is(c, i, "IDX")) {
            o->idx = true;
        } else if (arg_is(c, i, "WITHMATCHLEN")) {
            o->with_len = true;
        } else if (arg_is(c, i, "MINMATCHLEN") && i + 1 < c->argc) {
            if (!arg_int(c, ++i, &o->min)) return false;
            if (o->min < 0) o->min = 0;
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    if (o->len && o->idx) {
        reply_error(c, "-ERR If you want both the length and indexes, please just use IDX.");
        return false;
    }
    return true;
}

/* Both are looked up, and made young, before the kind of either matters. */
static bool read_sides(struct call *c, char tmp[2][STRING_TMP], struct slice out[2])
{
    struct value v[2];
    bool sound = true;
    for (int i = 0; i < 2; i++) {
        bool there = ks_read(db_of(c), c->argv[i + 1], lookup_flags(c), &v[i]);
        bool fits = !there || value_is(&v[i], VALUE_STRING);
        out[i] = there && fits ? string_get(v[i].e, tmp[i]) : SLICE("");
        sound = sound && fits;
    }
    if (!sound) reply_error(c, "-ERR The specified keys must contain string values");
    return sound;
}

static bool table_fits(struct call *c, const struct lcs *l)
{
    uint64_t max = (uint64_t)server_of(c)->front_config->proto_max_bulk_len;
    if (l->a.n >= UINT32_MAX - 1 || l->b.n >= UINT32_MAX - 1) {
        reply_error(c, "-ERR String too long for LCS");
        return false;
    }
    if (((uint64_t)l->a.n + 1) <= max / 4 / ((uint64_t)l->b.n + 1)) return true;
    reply_error(c, "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return false;
}

static void answer(struct call *c, const struct lcs *l, const struct lcs_options *o)
{
    uint32_t n = *cell(l, l->a.n, l->b.n);
    if (o->idx) {
        reply_map(c, 2);
        reply_bulk_z(c, "matches");
        size_t mark = reply_later(c);
        size_t runs = reply_runs(c, l, (uint64_t)o->min, o->with_len);
        reply_later_array(c, mark, runs);
        reply_bulk_z(c, "len");
        reply_int(c, n);
    } else if (o->len) {
        reply_int(c, n);
    } else {
        char *text = mem_alloc(n);
        collect(l, text);
        reply_bulk(c, slice_of(text, n));
        mem_free(text);
    }
}

static void cmd_lcs(struct call *c)
{
    struct lcs l;
    struct lcs_options o = { 0 };
    char tmp[2][STRING_TMP];
    struct slice side[2];
    if (!read_sides(c, tmp, side)) return;
    l.a = side[0];
    l.b = side[1];
    if (!take_options(c, &o) || !table_fits(c, &l)) return;
    l.len = mem_alloc((l.a.n + 1) * (l.b.n + 1) * sizeof(uint32_t));
    fill(&l);
    answer(c, &l, &o);
    mem_free(l.len);
}

const struct command cmds_lcs[] = {
    { "LCS", cmd_lcs, .arity = -3, .flags = CMD_READONLY, .acl = ACL_STRING,
      .keys = { KEYS(1, 2, 1, KEY_RO | KEY_ACCESS) }, .since = "7.0.0", .group = "string",
      .complexity = "O(N*M), N and M: lengths of the strings",
      .summary = "Finds the longest common subsequence of two strings.",
      .syntax =
          "key1:key key2:key [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]" },
    COMMANDS_END,
};
