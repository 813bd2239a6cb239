#include "core/conf/value.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/num.h"

/* ---- life ---- */

size_t value_size(const struct conf_row *row)
{
    switch (row->kind) {
    case CONF_BOOL: return sizeof(bool);
    case CONF_INT:
    case CONF_SECONDS:
    case CONF_ENUM: return sizeof(int);
    case CONF_LONG:
    case CONF_MS:
    case CONF_PERCENT_OR_SIZE: return sizeof(int64_t);
    case CONF_SIZE: return sizeof(uint64_t);
    case CONF_TEXT: return sizeof(char *);
    case CONF_BYTES: return sizeof(struct str);
    case CONF_LIST: return row->list->size;
    }
    must_not_reach("a kind without size");
}

static void number_put(const struct conf_row *row, void *field, int64_t v)
{
    switch (value_size(row)) {
    case sizeof(bool): *(bool *)field = v != 0; break;
    case sizeof(int): *(int *)field = (int)v; break;
    default: *(int64_t *)field = v; break;
    }
}

static int64_t number_of(const struct conf_row *row, const void *field)
{
    switch (value_size(row)) {
    case sizeof(bool): return *(const bool *)field;
    case sizeof(int): return *(const int *)field;
    default: return *(const int64_t *)field;
    }
}

void value_init(const struct conf_row *row, void *field)
{
    if (row->kind == CONF_TEXT) *(char **)field = mem_strdup(row->def_text ? row->def_text : "");
    else if (row->kind == CONF_BYTES) *(struct str *)field = (struct str){ 0 };
    else if (row->kind == CONF_LIST) row->list->init(field);
    else number_put(row, field, row->def);
}

void value_copy(const struct conf_row *row, void *to, const void *from)
{
    if (row->kind == CONF_TEXT) *(char **)to = mem_strdup(*(char *const *)from);
    else if (row->kind == CONF_BYTES)
        *(struct str *)to = str_new(str_slice(*(const struct str *)from));
    else if (row->kind == CONF_LIST) row->list->copy(to, from);
    else memcpy(to, from, value_size(row));
}

void value_free(const struct conf_row *row, void *field)
{
    if (row->kind == CONF_TEXT) {
        mem_free(*(char **)field);
        *(char **)field = NULL;
    } else if (row->kind == CONF_BYTES) {
        str_free(field);
    } else if (row->kind == CONF_LIST) {
        row->list->free(field);
    }
}

/* ---- reading ---- */

static enum err read_bool(const struct conf_row *row, void *field, struct slice w,
                          struct errmsg *m)
{
    bool yes = slice_ieqz(w, "yes");
    if (!yes && !slice_ieqz(w, "no")) {
        return err_set(m, ERR_SYNTAX, "argument must be 'yes' or 'no'");
    }
    *(bool *)field = yes;
    return ERR_NONE;
}

static enum err check_bounds(const struct conf_row *row, int64_t v, struct errmsg *m)
{
    bool wide = row->kind == CONF_LONG || row->kind == CONF_MS;
    bool none = row->min == 0 && row->max == 0;
    int64_t low = none ? (wide ? INT64_MIN : INT_MIN) : row->min;
    int64_t high = none ? (wide ? INT64_MAX : INT_MAX) : row->max;
    if (v >= low && v <= high) return ERR_NONE;
    if (row->flags & CONF_OCTAL) {
        return err_set(m, ERR_RANGE,
                       "argument must be between %" PRIo64 " and %" PRIo64 " inclusive",
                       (uint64_t)low, (uint64_t)high);
    }
    return err_set(m, ERR_RANGE, "argument must be between %" PRId64 " and %" PRId64 " inclusive",
                   low, high);
}

static enum err read_integer(const struct conf_row *row, void *field, struct slice w,
                             struct errmsg *m)
{
    int64_t v = 0;
    if (row->flags & CONF_OCTAL) {
        char text[16], *end = NULL;
        if (w.n >= 1 && w.n < sizeof(text)) v = strtol(slice_cstr(w, text, sizeof(text)), &end, 8);
        if (!end || *end || v < 0) {
            return err_set(m, ERR_SYNTAX, "argument couldn't be parsed as an octal number");
        }
    } else if (!num_to_i64(w, &v)) {
        return err_set(m, ERR_SYNTAX, "argument couldn't be parsed into an integer");
    }
    enum err e = check_bounds(row, v, m);
    if (!e) number_put(row, field, v);
    return e;
}

static enum err size_bounds(const struct conf_row *row, uint64_t v, struct errmsg *m)
{
    uint64_t high = row->max ? (uint64_t)row->max : UINT64_MAX;
    if (v >= (uint64_t)row->min && v <= high) return ERR_NONE;
    return err_set(m, ERR_RANGE, "argument must be between %" PRIu64 " and %" PRIu64 " inclusive",
                   (uint64_t)row->min, high);
}

static enum err read_size(const struct conf_row *row, void *field, struct slice w,
                          struct errmsg *m)
{
    uint64_t v = 0; /* "" is 0 there too */
    if (w.n && !num_to_bytes(w, &v))
        return err_set(m, ERR_SYNTAX, "argument must be a memory value");
    enum err e = size_bounds(row, v, m);
    if (!e) *(uint64_t *)field = v;
    return e;
}

/* A percentage is kept as a negative number; row->min is minus the highest one. */
static enum err read_percent(const struct conf_row *row, void *field, struct slice w,
                             struct errmsg *m)
{
    int64_t percent;
    uint64_t bytes;
    if (w.n > 1 && w.p[w.n - 1] == '%' && num_to_i64(slice_of(w.p, w.n - 1), &percent) &&
        percent >= 0) {
        if (percent > -row->min) {
            return err_set(m, ERR_RANGE, "percentage argument must be less or equal to %" PRId64,
                           -row->min);
        }
        *(int64_t *)field = -percent;
        return ERR_NONE;
    }
    if (!num_to_bytes(w, &bytes) || bytes > INT64_MAX) {
        return err_set(m, ERR_SYNTAX, "argument must be a memory or percent value");
    }
    if (row->max && bytes > (uint64_t)row->max) {
        return err_set(m, ERR_RANGE, "argument must be between 0 and %" PRId64 " inclusive",
                       row->max);
    }
    *(int64_t *)field = (int64_t)bytes;
    return ERR_NONE;
}

static enum err enum_error(const struct conf_row *row, struct errmsg *m)
{
    struct buf names = { 0 };
    for (const struct conf_name *of = row->of; of->name; of++) {
        if (of != row->of) buf_putz(&names, ", ");
        buf_putz(&names, of->name);
    }
    enum err e = err_set(m, ERR_SYNTAX, "argument(s) must be one of the following: %.*s",
                         SLICE_ARG(buf_slice(&names)));
    buf_free(&names);
    return e;
}

static const struct conf_name *name_find(const struct conf_row *row, struct slice w)
{
    for (const struct conf_name *of = row->of; of->name; of++) {
        if (slice_ieqz(w, of->name)) return of;
    }
    return NULL;
}

static enum err read_enum(const struct conf_row *row, void *field, const struct slice *word,
                          size_t n, struct errmsg *m)
{
    int bits = 0;
    if (n == 0) return enum_error(row, m);
    for (size_t i = 0; i < n; i++) {
        const struct conf_name *found = name_find(row, word[i]);
        if (!found) return enum_error(row, m);
        bits = row->flags & CONF_BITS ? bits | found->value : found->value;
    }
    *(int *)field = bits;
    return ERR_NONE;
}

static enum err read_text(const struct conf_row *row, void *field, struct slice w,
                          struct errmsg *m)
{
    conf_put_text(field, w);
    return ERR_NONE;
}

static enum err read_bytes(const struct conf_row *row, void *field, struct slice w,
                           struct errmsg *m)
{
    str_set(field, w);
    return ERR_NONE;
}

void conf_put_text(char **field, struct slice value)
{
    char *copy = mem_strndup(value.p ? value.p : "", value.n);
    mem_free(*field);
    *field = copy;
}

static enum err read_kind(const struct conf_row *row, void *field, const struct slice *word,
                          size_t n, bool live, struct errmsg *m)
{
    static enum err (*const one_word[])(const struct conf_row *, void *, struct slice,
                                        struct errmsg *) = {
        [CONF_BOOL] = read_bool,    [CONF_INT] = read_integer, [CONF_SECONDS] = read_integer,
        [CONF_LONG] = read_integer, [CONF_MS] = read_integer,  [CONF_SIZE] = read_size,
        [CONF_PERCENT_OR_SIZE] = read_percent,                 [CONF_TEXT] = read_text,
        [CONF_BYTES] = read_bytes,
    };
    if (row->kind == CONF_LIST) return row->list->read(field, word, n, live, m);
    bool several = row->kind == CONF_ENUM && (row->flags & CONF_BITS);
    if (n != 1 && !several) return err_set(m, ERR_SYNTAX, "wrong number of arguments");
    if (row->kind == CONF_ENUM) return read_enum(row, field, word, n, m);
    return one_word[row->kind](row, field, word[0], m);
}

/* One word that holds several, where the directive takes several ("900 1", CONFIG SET's form). */
static bool splits(const struct conf_row *row, const struct slice *word, size_t n)
{
    bool several = row->kind == CONF_LIST || (row->flags & CONF_BITS);
    return several && n == 1 && !(row->flags & CONF_FILE_ONLY);
}

enum err conf_parse(const struct conf_row *row, void *field, const struct slice *word, size_t n,
                    bool live, struct errmsg *m)
{
    if (n == 0 && row->kind == CONF_LIST && !(row->flags & CONF_FILE_ONLY)) {
        // A line of the name alone gives the empty list ("save" switches snapshots off).
        return conf_parse(row, field, &(struct slice){ "", 0 }, 1, live, m);
    }
    if (!splits(row, word, n)) {
        enum err e = read_kind(row, field, word, n, live, m);
        return e || !row->check ? e : row->check(field, m);
    }
    struct conf_words w;
    if (!conf_split(word[0], &w, NULL)) {
        return err_set(m, ERR_SYNTAX, "Unbalanced quotes in configuration line");
    }
    struct slice *parts = mem_alloc((w.n + 1) * sizeof(*parts));
    for (size_t i = 0; i < w.n; i++) parts[i] = str_slice(w.at[i]);
    if (w.n == 0) parts[0] = SLICE("");
    enum err e = read_kind(row, field, parts, w.n ? w.n : 1, live, m);
    if (!e && row->check) e = row->check(field, m);
    mem_free(parts);
    conf_words_free(&w);
    return e;
}

/* ---- printing ---- */

static void print_enum(const struct conf_row *row, int v, struct buf *out)
{
    const struct conf_name *of;
    for (of = row->of; of->name; of++) {
        if (of->value == v) break;
    }
    if (of->name || !(row->flags & CONF_BITS)) {
        buf_putz(out, of->name ? of->name : "unknown");
        return;
    }
    bool first = true;
    for (of = row->of; of->name; of++) {
        if (!of->value || (v & of->value) != of->value) continue;
        if (!first) buf_putc(out, ' ');
        buf_putz(out, of->name);
        first = false;
    }
}

void conf_print(const struct conf_row *row, const void *field, struct buf *out)
{
    switch (row->kind) {
    case CONF_BOOL: buf_putz(out, *(const bool *)field ? "yes" : "no"); break;
    case CONF_TEXT: buf_putz(out, *(char *const *)field); break;
    case CONF_BYTES: buf_puts(out, str_slice(*(const struct str *)field)); break;
    case CONF_LIST: row->list->print(field, out); break;
    case CONF_ENUM: print_enum(row, *(const int *)field, out); break;
    case CONF_SIZE: buf_fmt(out, "%" PRIu64, *(const uint64_t *)field); break;
    case CONF_PERCENT_OR_SIZE: {
        int64_t v = *(const int64_t *)field;
        if (v < 0) buf_fmt(out, "%" PRId64 "%%", -v);
        else buf_puti(out, v);
        break;
    }
    default:
        if (row->flags & CONF_OCTAL) buf_fmt(out, "%o", (unsigned)number_of(row, field));
        else buf_puti(out, number_of(row, field));
    }
}

void conf_print_default(const struct conf_row *row, struct buf *out)
{
    void *field = mem_zalloc(value_size(row));
    value_init(row, field);
    conf_print(row, field, out);
    value_free(row, field);
    mem_free(field);
}

bool conf_is_default(const struct conf_row *row, const void *field)
{
    struct buf ours = { 0 }, theirs = { 0 };
    conf_print(row, field, &ours);
    conf_print_default(row, &theirs);
    bool same = slice_eq(buf_slice(&ours), buf_slice(&theirs));
    buf_free(&ours);
    buf_free(&theirs);
    return same;
}
