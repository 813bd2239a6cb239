/* SORT and SORT_RO. The elements are copied out first: BY and GET may look at any key, the sorted
 * one too. Texts are compared byte by byte, as the reference does in the C locale. */
#include "server/cmd/families.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/vec.h"
#include "core/front/acl.h"
#include "core/types/hash.h"
#include "core/types/list.h"
#include "core/types/set.h"
#include "core/types/zset.h"
#include "server/cmd/keyed.h"
#include "server/script/scripting.h"

/* A text in `bytes` of the sort, with a zero behind it. */
struct text {
    size_t at, n;
};

struct item {
    struct text element;
    struct text by; /* with ALPHA and BY */
    bool has_by;
};

/* What is moved about in sorting; most comparisons end at the key. */
struct rank {
    uint64_t key; /* in the order of the numbers, or the first bytes of the text */
    size_t at;    /* in `items`, as it came: settles ties */
};

struct sort {
    struct call *c;
    bool read_only, descending, alpha, unsorted;
    int by_at, store_at; /* arguments; 0: not given */
    VEC(int) gets;
    int64_t offset, count;
    struct buf bytes;
    VEC(struct item) items;
    struct rank *ranks; /* NULL: as they came */
    size_t start, end;  /* what is given: up to, not including, end */
};

static struct slice text_of(const struct sort *s, struct text t)
{
    return slice_of(s->bytes.data + t.at, t.n);
}

static struct text keep(struct sort *s, struct slice from)
{
    struct text t = { s->bytes.len, from.n };
    buf_puts(&s->bytes, from);
    buf_putc(&s->bytes, 0);
    return t;
}

/* ---- arguments ---- */

/* BY and GET read keys that no rule can name beforehand. */
static bool may_read_all(struct call *c, const char *word)
{
    const struct acl_user *u = c->client->user;
    if (!u || u->unrestricted || acl_check_reads_all(u, c->entry, c->argc, c->argv)) return true;
    reply_error_fmt(c, "-ERR %s option of SORT denied due to insufficient ACL permissions.", word);
    return false;
}

/* The word at *i, which is moved to its last argument. */
static bool sort_option(struct sort *s, int *i)
{
    struct call *c = s->c;
    int left = c->argc - *i - 1;
    if (arg_is(c, *i, "ASC")) {
        s->descending = false;
    } else if (arg_is(c, *i, "DESC")) {
        s->descending = true;
    } else if (arg_is(c, *i, "ALPHA")) {
        s->alpha = true;
    } else if (arg_is(c, *i, "LIMIT") && left >= 2) {
        *i += 2;
        return arg_int(c, *i - 1, &s->offset) && arg_int(c, *i, &s->count);
    } else if (!s->read_only && arg_is(c, *i, "STORE") && left >= 1) {
        s->store_at = ++*i;
    } else if (arg_is(c, *i, "BY") && left >= 1) {
        s->by_at = ++*i;
        if (slice_find(c->argv[*i], '*', 0) < 0)
            s->unsorted = true;
        else
            return may_read_all(c, "BY");
    } else if (arg_is(c, *i, "GET") && left >= 1) {
        if (!may_read_all(c, "GET")) return false;
        vec_push(&s->gets, ++*i);
    } else {
        reply_syntax_error(c);
        return false;
    }
    return true;
}

static bool sort_options(struct sort *s)
{
    s->count = -1;
    for (int i = 2; i < s->c->argc; i++)
        if (!sort_option(s, &i)) return false;
    return true;
}

/* ---- elements ---- */

static void take(struct sort *s, struct slice element)
{
    struct item item = { .element = keep(s, element) };
    vec_push(&s->items, item);
}

static void take_list(struct sort *s, const struct entry *e, size_t from, size_t n, bool backwards)
{
    char tmp[PACKED_TMP];
    struct packed_item item;
    struct list_iter it = list_from(e, (int64_t)from, backwards);
    for (; n && list_item(&it, &item); n--, list_step(&it))
        take(s, packed_item_text(&item, tmp));
}

static void take_zset(struct sort *s, const struct entry *e, size_t from, size_t n, bool backwards)
{
    struct zset_iter it;
    struct zset_item item;
    if (!n) return;
    zset_iter_start(&it, e, from, backwards);
    while (n-- && zset_iter_next(&it, &item))
        take(s, item.member);
}

static void take_set(struct sort *s, const struct entry *e)
{
    char tmp[SET_TMP];
    struct set_iter it;
    struct slice member;
    set_iter_start(&it, e);
    while (set_iter_next(&it, tmp, &member))
        take(s, member);
    set_iter_end(&it);
}

static size_t length_of(const struct entry *e)
{
    if (!e) return 0;
    if (e->type == VALUE_LIST) return list_len(e);
    return e->type == VALUE_SET ? set_count(e) : zset_count(e);
}

/* LIMIT as a part of n elements. */
static void find_range(struct sort *s, size_t n)
{
    uint64_t offset = s->offset > 0 ? (uint64_t)s->offset : 0;
    s->start = offset < n ? (size_t)offset : n;
    s->end = n;
    if (s->count >= 0 && (uint64_t)s->count < n - s->start) s->end = s->start + (size_t)s->count;
}

/* Without sorting, lists and sorted sets keep their order, and only what is wanted is fetched. */
static void collect(struct sort *s, const struct entry *e)
{
    size_t n = length_of(e), first = 0, count = n;
    find_range(s, n);
    if (!e) return;
    bool ordered = e->type != VALUE_SET, backwards = s->unsorted && s->descending;
    if (ordered && s->unsorted) {
        count = s->end - s->start;
        first = backwards ? n - 1 - s->start : s->start;
        s->start = 0;
        s->end = count;
        if (!count) return;
    }
    if (e->type == VALUE_LIST)
        take_list(s, e, first, count, backwards);
    else if (e->type == VALUE_ZSET)
        take_zset(s, e, first, count, backwards);
    else
        take_set(s, e);
}

/* ---- patterns ---- */

/* What a pattern of BY or GET stands for: the element itself ("#"), a string, or a field of a hash
 * ("key*->field"), where the first '*' is the element. False: there is nothing. The slice is lent
 * until keys are changed or `tmp` is. */
static bool look_up(const struct sort *s, struct slice pattern, struct slice element,
                    char tmp[HASH_TMP], struct slice *out)
{
    struct slice field = { NULL, 0 };
    ptrdiff_t star = slice_find(pattern, '*', 0);
    struct value v;
    if (slice_eqz(pattern, "#")) {
        *out = element;
        return true;
    }
    if (star < 0) return false;
    const char *rest = pattern.p + star + 1, *over = pattern.p + pattern.n;
    const char *arrow = memmem(rest, (size_t)(over - rest), "->", 2);
    if (arrow && arrow + 2 < over) {
        field = slice_of(arrow + 2, (size_t)(over - arrow - 2));
        over = arrow;
    }
    struct buf key = { 0 };
    buf_put(&key, pattern.p, (size_t)star);
    buf_puts(&key, element);
    buf_put(&key, rest, (size_t)(over - rest));
    bool found = ks_read(db_of(s->c), buf_slice(&key), lookup_flags(s->c), &v);
    buf_free(&key);
    if (!found) return false;
    if (field.n)
        return value_is(&v, VALUE_HASH) && hash_field_seen(&v, field, false) &&
               hash_get(v.e, field, tmp, out);
    if (!value_is(&v, VALUE_STRING)) return false;
    *out = string_get(v.e, tmp);
    return true;
}
_Static_assert(HASH_TMP >= STRING_TMP, "one room for both");

/* ---- sorting ---- */

static bool number_of(const struct sort *s, struct text t, double *out)
{
    char *end;
    const char *z = s->bytes.data + t.at;
    int64_t whole;
    if (t.n && t.n < 16 && num_to_i64(text_of(s, t), &whole)) {
        *out = (double)whole; /* exact: below 2^53 */
        return true;
    }
    errno = 0;
    *out = strtod(z, &end);
    return !*end && errno != ERANGE && !isnan(*out);
}

/* Grows with the number; both zeroes are one. */
static uint64_t number_key(double d)
{
    uint64_t bits;
    d += 0.0;
    memcpy(&bits, &d, sizeof(bits));
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* Never smaller for the greater text. */
static uint64_t text_key(struct slice s)
{
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof(key); i++) key = key << 8 | (i < s.n ? (uint8_t)s.p[i] : 0);
    return key;
}

/* False: a score is no number. Without a value for BY, texts come first and numbers are 0. */
static bool weigh_one(struct sort *s, struct item *it, uint64_t *key)
{
    char tmp[HASH_TMP];
    struct slice by;
    struct text weight = it->element;
    double score = 0;
    *key = s->alpha ? 0 : number_key(0);
    if (s->by_at) {
        if (!look_up(s, s->c->argv[s->by_at], text_of(s, it->element), tmp, &by)) return true;
        it->has_by = true;
        it->by = weight = keep(s, by);
    }
    if (!s->alpha && !number_of(s, weight, &score)) return false;
    *key = s->alpha ? text_key(text_of(s, weight)) : number_key(score);
    return true;
}

static bool weigh(struct sort *s)
{
    bool ok = true;
    s->ranks = mem_alloc(s->items.n * sizeof(s->ranks[0]));
    for (size_t i = 0; i < s->items.n; i++) {
        s->ranks[i].at = i;
        ok &= weigh_one(s, &s->items.at[i], &s->ranks[i].key);
    }
    return ok;
}

static int compare_alpha(const struct sort *s, const struct item *a, const struct item *b)
{
    if (!s->by_at) return slice_cmp(text_of(s, a->element), text_of(s, b->element));
    if (!a->has_by || !b->has_by) return (int)a->has_by - (int)b->has_by;
    return slice_cmp(text_of(s, a->by), text_of(s, b->by));
}

/* The keys are equal. */
static int compare_items(const struct sort *s, size_t x, size_t y)
{
    const struct item *a = &s->items.at[x], *b = &s->items.at[y];
    int order = s->alpha ? compare_alpha(s, a, b)
                         : slice_cmp(text_of(s, a->element), text_of(s, b->element));
    if (s->descending) order = order > 0 ? -1 : order < 0;
    return order ? order : (x > y) - (x < y);
}

static int compare(const void *x, const void *y, void *app)
{
    const struct rank *a = x, *b = y;
    const struct sort *s = app;
    if (a->key != b->key) return (a->key > b->key) != s->descending ? 1 : -1;
    return compare_items(s, a->at, b->at);
}

/* Restores the heap (the last in order at its head) below i. */
static void sift(struct sort *s, size_t i, size_t n)
{
    struct rank *r = s->ranks;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && compare(&r[child], &r[child + 1], s) < 0) child++;
        if (compare(&r[i], &r[child], s) >= 0) return;
        struct rank held = r[i];
        r[i] = r[child];
        r[child] = held;
    }
}

/* Brings those that come first in order to the front, without an order among them. */
static void select_first(struct sort *s, size_t n)
{
    struct rank *r = s->ranks;
    for (size_t i = n / 2; i-- > 0;) sift(s, i, n);
    for (size_t i = n; i < s->items.n; i++) {
        if (compare(&r[i], &r[0], s) >= 0) continue;
        r[0] = r[i];
        sift(s, 0, n);
    }
}

#define SELECT_SHARE 8 /* with a smaller part than that wanted, the rest is not sorted */

static void put_in_order(struct sort *s)
{
    size_t n = s->items.n;
    if (s->end == s->start) return;
    if (s->end < n / SELECT_SHARE) select_first(s, n = s->end);
    qsort_r(s->ranks, n, sizeof(s->ranks[0]), compare, s);
}

/* ---- what comes out ---- */

/* Calls fn for each thing that is given; p == NULL: nothing was found. */
static void each_result(const struct sort *s, void (*fn)(void *app, struct slice r), void *app)
{
    for (size_t i = s->start; i < s->end; i++) {
        size_t at = s->ranks ? s->ranks[i].at : i;
        struct slice element = text_of(s, s->items.at[at].element);
        if (!s->gets.n) fn(app, element);
        for (size_t g = 0; g < s->gets.n; g++) {
            char tmp[HASH_TMP];
            struct slice out;
            bool found = look_up(s, s->c->argv[s->gets.at[g]], element, tmp, &out);
            fn(app, found ? out : slice_of(NULL, 0));
        }
    }
}

static size_t results(const struct sort *s)
{
    return (s->end - s->start) * (s->gets.n ? s->gets.n : 1);
}

static void reply_one(void *app, struct slice r)
{
    if (r.p)
        reply_bulk(app, r);
    else
        reply_null(app);
}

static void reply_all(const struct sort *s)
{
    reply_array(s->c, results(s));
    each_result(s, reply_one, s->c);
}

struct stored {
    struct value list;
    const struct type_limits *limits;
};

static void store_one(void *app, struct slice r)
{
    struct stored *to = app;
    if (!r.p) r = SLICE("");
    list_push(&to->list, to->limits, LIST_TAIL, 1, &r);
}

static void store_all(const struct sort *s)
{
    struct call *c = s->c;
    struct slice key = c->argv[s->store_at];
    struct value v;
    size_t n = results(s);
    if (n) {
        struct stored to = { { .e = list_new(key) }, limits_of(c) };
        each_result(s, store_one, &to);
        ks_write(db_of(c), key, KS_NO_TOUCH, &v);
        ks_put(&v, to.list.e, false);
        keyed_event(c, NOTIFY_LIST, "sortstore", s->store_at);
        c->changed += (int64_t)n;
    } else if (ks_write(db_of(c), key, KS_NO_TOUCH, &v)) {
        ks_remove_value(&v, TOUCH_REMOVED, server_of(c)->config->lazyfree_lazy_server_del);
        keyed_event(c, NOTIFY_GENERIC, "del", s->store_at);
        c->changed++;
    }
    reply_int(c, (int64_t)n);
}

/* ---- the commands ---- */

static bool is_sortable(const struct value *v)
{
    return !v->e || value_is(v, VALUE_LIST) || value_is(v, VALUE_SET) || value_is(v, VALUE_ZSET);
}

static void run(struct sort *s)
{
    struct call *c = s->c;
    struct value v;
    ks_read(db_of(c), c->argv[1], lookup_flags(c), &v);
    if (!is_sortable(&v)) {
        reply_wrong_type(c);
        return;
    }
    /* A set has no order of its own: neither what is stored nor what a script goes on with may
     * depend on chance. */
    bool for_script = c->client == server_of(c)->scripts->client;
    if (s->unsorted && (s->store_at || for_script) && value_is(&v, VALUE_SET)) {
        s->unsorted = false;
        s->alpha = true;
        s->by_at = 0;
    }
    collect(s, v.e);
    if (!s->unsorted && s->items.n) {
        if (!weigh(s)) {
            reply_error(c, "-ERR One or more scores can't be converted into double");
            return;
        }
        put_in_order(s);
    }
    if (s->store_at)
        store_all(s);
    else
        reply_all(s);
}

static void sort(struct call *c, bool read_only)
{
    struct sort s = { .c = c, .read_only = read_only };
    if (sort_options(&s)) run(&s);
    mem_free(s.ranks);
    vec_free(&s.items);
    vec_free(&s.gets);
    buf_free(&s.bytes);
}

static void cmd_sort(struct call *c) { sort(c, false); }
static void cmd_sort_ro(struct call *c) { sort(c, true); }

/* The sorted key, and the last STORE that is no argument of another word. */
static bool sort_keys(int argc, const struct slice *argv, struct key_list *out)
{
    static const struct {
        const char *word;
        int skip;
    } others[] = { { "LIMIT", 2 }, { "GET", 1 }, { "BY", 1 } };
    int store = 0;
    key_list_add(out, 1, KEY_RO | KEY_ACCESS);
    for (int i = 2; i < argc; i++) {
        if (slice_ieqz(argv[i], "STORE") && i + 1 < argc) store = ++i;
        for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++)
            if (i < argc && slice_ieqz(argv[i], others[k].word)) i += others[k].skip;
    }
    if (store) key_list_add(out, store, KEY_OW | KEY_UPDATE);
    return true;
}

static bool sort_ro_keys(int argc, const struct slice *argv, struct key_list *out)
{
    (void)argc;
    (void)argv;
    key_list_add(out, 1, KEY_RO | KEY_ACCESS);
    return true;
}

#define FROM_CONTENT                                                                               \
    {                                                                                              \
        .begin = KEYS_UNKNOWN, .flags = KEY_RO | KEY_ACCESS,                                       \
        .notes = "Which keys BY and GET read depends on the elements that are sorted"              \
    }
#define SORT_SYNTAX                                                                                \
    "key:key [BY pattern:pattern] [LIMIT (offset:integer count:integer)] "                         \
    "[GET pattern:pattern]... order=[ASC|DESC] sorting=[ALPHA]"
#define SORT_ACL (ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS)
#define SORT_COST "O(N log N) for N elements, O(N) when they are not sorted"

const struct command cmds_sort[] = {
    { "SORT", cmd_sort, .arity = -2, .flags = CMD_WRITE | CMD_DENYOOM, .acl = SORT_ACL,
      .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS),
                FROM_CONTENT,
                { .begin = KEYS_UNKNOWN,
                  .flags = KEY_OW | KEY_UPDATE,
                  .notes = "STORE may stand anywhere among the arguments" } },
      .find_keys = sort_keys, .since = "1.0.0", .group = "generic", .complexity = SORT_COST,
      .summary = "Sorts the elements of a list, a set or a sorted set, and gives or stores them.",
      .syntax = SORT_SYNTAX " [STORE destination:key]" },
    { "SORT_RO", cmd_sort_ro, .arity = -2, .flags = CMD_READONLY, .acl = SORT_ACL,
      .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS), FROM_CONTENT }, .find_keys = sort_ro_keys,
      .since = "7.0.0", .group = "generic", .complexity = SORT_COST,
      .summary = "Sorts the elements of a list, a set or a sorted set, and gives them.",
      .syntax = SORT_SYNTAX },
    COMMANDS_END,
};
