/* The list family. Shared rules:
 *   - a list that has lost its last element is no key any more;
 *   - what pops goes to the stream with the keys and counts that it really had;
 *   - who waits for elements is served at the end of the unit (server/block). */
#include "server/cmd/list.h"

#include "core/base/mem.h"
#include "server/cmd/families.h"

#define OUT_OF_REACH "-ERR index out of range"

static bool is_list(struct call *c, const struct value *v)
{
    if (!v->e || value_is(v, VALUE_LIST)) return true;
    reply_wrong_type(c);
    return false;
}

static void reply_item(struct call *c, const struct packed_item *item)
{
    if (item->s)
        reply_bulk(c, slice_of(item->s, item->n));
    else
        reply_bulk_int(c, item->i);
}

/* n items in the walk's direction, as an array. */
static void reply_items(struct call *c, struct list_iter it, size_t n)
{
    struct packed_item item;
    reply_array(c, n);
    for (; n && list_item(&it, &item); n--) {
        reply_item(c, &item);
        list_step(&it);
    }
}

/* The list was changed by taking something away. */
static void taken(struct call *c, struct value *v, int key_at, const char *event)
{
    keyed_event(c, NOTIFY_LIST, event, key_at);
    if (list_len(v->e)) {
        ks_changed(v);
        return;
    }
    ks_remove_value(v, TOUCH_REMOVED, false);
    keyed_event(c, NOTIFY_GENERIC, "del", key_at);
}

static const char *push_event(enum list_end end) { return end == LIST_HEAD ? "lpush" : "rpush"; }
static const char *pop_event(enum list_end end) { return end == LIST_HEAD ? "lpop" : "rpop"; }

/* ---- pushing ---- */

static void push_to(struct call *c, struct value *v, struct slice key, enum list_end end, size_t n,
                    const struct slice *s)
{
    if (v->e) {
        list_push(v, limits_of(c), end, n, s);
        ks_changed(v);
        return;
    }
    struct value fresh = { .e = list_new(key) };
    list_push(&fresh, limits_of(c), end, n, s);
    ks_put(v, fresh.e, false);
}

static void push(struct call *c, enum list_end end, bool only_if_there)
{
    struct value v;
    size_t n = (size_t)c->argc - 2;
    if (!keyed_write(c, 1, VALUE_LIST, &v)) return;
    if (!v.e && only_if_there) {
        reply_int(c, 0);
        return;
    }
    push_to(c, &v, c->argv[1], end, n, c->argv + 2);
    c->changed += (int64_t)n;
    keyed_event(c, NOTIFY_LIST, push_event(end), 1);
    reply_int(c, (int64_t)list_len(v.e));
}

static void cmd_lpush(struct call *c) { push(c, LIST_HEAD, false); }
static void cmd_rpush(struct call *c) { push(c, LIST_TAIL, false); }
static void cmd_lpushx(struct call *c) { push(c, LIST_HEAD, true); }
static void cmd_rpushx(struct call *c) { push(c, LIST_TAIL, true); }

static struct list_iter find_item(const struct value *v, struct slice s)
{
    struct list_match m = list_match_of(s);
    struct list_iter it = list_from(v->e, 0, false);
    struct packed_item item;
    while (list_item(&it, &item) && !list_matches(&m, &item)) list_step(&it);
    return it;
}

static void cmd_linsert(struct call *c)
{
    struct value v;
    bool after = arg_is(c, 2, "AFTER");
    if (!after && !arg_is(c, 2, "BEFORE")) {
        reply_syntax_error(c);
        return;
    }
    if (!keyed_write(c, 1, VALUE_LIST, &v)) return;
    if (!v.e) {
        reply_int(c, 0);
        return;
    }
    struct list_iter it = find_item(&v, c->argv[3]);
    if (!it.at) {
        reply_int(c, -1);
        return;
    }
    list_insert(&v, limits_of(c), &it, after, c->argv[4]);
    ks_changed(&v);
    c->changed++;
    keyed_event(c, NOTIFY_LIST, "linsert", 1);
    reply_int(c, (int64_t)list_len(v.e));
}

static void cmd_lset(struct call *c)
{
    struct value v;
    int64_t index;
    if (!keyed_write(c, 1, VALUE_LIST, &v)) return;
    if (!v.e) {
        reply_no_key(c);
        return;
    }
    if (!arg_int(c, 2, &index)) return;
    if (!list_set(&v, limits_of(c), index, c->argv[3])) {
        reply_error(c, OUT_OF_REACH);
        return;
    }
    ks_changed(&v);
    c->changed++;
    keyed_event(c, NOTIFY_LIST, "lset", 1);
    reply_ok(c);
}

/* ---- reading ---- */

static void cmd_llen(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_LIST, &v)) reply_int(c, v.e ? (int64_t)list_len(v.e) : 0);
}

static void cmd_lindex(struct call *c)
{
    struct value v;
    int64_t index;
    struct packed_item item;
    if (!keyed_read(c, 1, VALUE_LIST, &v)) return;
    if (!v.e) {
        reply_null(c);
        return;
    }
    if (!arg_int(c, 2, &index)) return;
    struct list_iter it = list_from(v.e, index, false);
    if (list_item(&it, &item))
        reply_item(c, &item);
    else
        reply_null(c);
}

/* An inclusive range with negative indexes: from and how many. */
static size_t cut_range(int64_t start, int64_t end, size_t len, size_t *from)
{
    int64_t n = (int64_t)len;
    if (start < 0) start = start < -n ? 0 : start + n;
    if (end < 0) end = end < -n ? -1 : end + n;
    if (end >= n) end = n - 1;
    *from = (size_t)start;
    return start > end ? 0 : (size_t)(end - start + 1);
}

static void cmd_lrange(struct call *c)
{
    struct value v;
    int64_t start, end;
    size_t from, n;
    if (!arg_int(c, 2, &start) || !arg_int(c, 3, &end)) return;
    if (!keyed_read(c, 1, VALUE_LIST, &v)) return;
    n = v.e ? cut_range(start, end, list_len(v.e), &from) : 0;
    if (n)
        reply_items(c, list_from(v.e, (int64_t)from, false), n);
    else
        reply_array(c, 0);
}

/* Any integer but the smallest, which has no positive counterpart. */
static bool symmetric_arg(struct call *c, int at, int64_t *out)
{
    if (!arg_int(c, at, out)) return false;
    if (*out != INT64_MIN) return true;
    reply_error_fmt(c, "value is out of range, value must between %lld and %lld",
                    -(long long)INT64_MAX, (long long)INT64_MAX);
    return false;
}

struct lpos {
    int64_t rank, count, maxlen; /* count -1: one answer, not an array */
    bool backwards;
};

static bool lpos_option(struct call *c, int at, struct lpos *o)
{
    int64_t rank;
    if (at + 1 >= c->argc) {
        reply_syntax_error(c);
    } else if (arg_is(c, at, "RANK")) {
        if (!symmetric_arg(c, at + 1, &rank)) return false;
        o->backwards = rank < 0;
        o->rank = rank < 0 ? -rank : rank;
        if (rank) return true;
        reply_error(c, "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the "
                       "second ... or use negative to start from the end of the list");
    } else if (arg_is(c, at, "COUNT")) {
        return arg_int_range(c, at + 1, 0, INT64_MAX, &o->count, "COUNT can't be negative");
    } else if (arg_is(c, at, "MAXLEN")) {
        return arg_int_range(c, at + 1, 0, INT64_MAX, &o->maxlen, "MAXLEN can't be negative");
    } else {
        reply_syntax_error(c);
    }
    return false;
}

/* Gives how many positions were replied. */
static size_t lpos_reply(struct call *c, const struct value *v, const struct lpos *o)
{
    struct list_match m = list_match_of(c->argv[2]);
    struct list_iter it = list_from(v->e, o->backwards ? -1 : 0, o->backwards);
    struct packed_item item;
    int64_t len = (int64_t)list_len(v->e), found = 0;
    size_t given = 0;
    for (int64_t i = 0; list_item(&it, &item) && (!o->maxlen || i < o->maxlen); i++) {
        if (list_matches(&m, &item) && ++found >= o->rank) {
            reply_int(c, o->backwards ? len - 1 - i : i);
            given++;
            if (o->count < 0 || (o->count && given == (size_t)o->count)) break;
        }
        list_step(&it);
    }
    return given;
}

static void cmd_lpos(struct call *c)
{
    struct value v;
    struct lpos o = { .rank = 1, .count = -1 };
    for (int i = 3; i < c->argc; i += 2)
        if (!lpos_option(c, i, &o)) return;
    if (!keyed_read(c, 1, VALUE_LIST, &v)) return;
    if (o.count >= 0) {
        size_t mark = reply_later(c);
        reply_later_array(c, mark, v.e ? lpos_reply(c, &v, &o) : 0);
    } else if (!v.e || !lpos_reply(c, &v, &o)) {
        reply_null(c);
    }
}

/* ---- removing ---- */

void list_pop_reply_one(struct call *c, struct value *v, int key_at, enum list_end end)
{
    struct list_iter it = list_from(v->e, end == LIST_HEAD ? 0 : -1, false);
    struct packed_item item;
    if (list_item(&it, &item)) reply_item(c, &item);
    list_delete(v, limits_of(c), end == LIST_HEAD ? 0 : list_len(v->e) - 1, 1);
    c->changed++;
    taken(c, v, key_at, pop_event(end));
}

void list_pop_reply_many(struct call *c, struct value *v, int key_at, enum list_end end, size_t n)
{
    size_t len = list_len(v->e);
    if (n > len) n = len;
    reply_items(c, list_from(v->e, end == LIST_HEAD ? 0 : -1, end == LIST_TAIL), n);
    list_delete(v, limits_of(c), end == LIST_HEAD ? 0 : len - n, n);
    c->changed += (int64_t)n;
    taken(c, v, key_at, pop_event(end));
}

void list_stream_pop(struct call *c, struct slice key, enum list_end end, size_t n)
{
    char digits[NUM_I64_MAX];
    struct slice words[3] = { end == LIST_HEAD ? SLICE("LPOP") : SLICE("RPOP"), key };
    if (n) words[2] = slice_of(digits, num_from_i64(digits, (int64_t)n));
    call_replace(c, n ? 3 : 2, words);
}

static void pop(struct call *c, enum list_end end)
{
    struct value v;
    int64_t count = -1;
    if (c->argc > 3) {
        reply_arity(c);
        return;
    }
    if (c->argc == 3 && !arg_int_range(c, 2, 0, INT64_MAX, &count,
                                       "value is out of range, must be positive"))
        return;
    if (!keyed_write(c, 1, VALUE_LIST, &v)) return;
    if (!v.e && count < 0)
        reply_null(c);
    else if (!v.e)
        reply_null_array(c);
    else if (count < 0)
        list_pop_reply_one(c, &v, 1, end);
    else if (count == 0)
        reply_array(c, 0);
    else
        list_pop_reply_many(c, &v, 1, end, (size_t)count);
}

static void cmd_lpop(struct call *c) { pop(c, LIST_HEAD); }
static void cmd_rpop(struct call *c) { pop(c, LIST_TAIL); }

static void cmd_lrem(struct call *c)
{
    struct value v;
    int64_t count, gone = 0;
    if (!symmetric_arg(c, 2, &count)) return;
    if (!keyed_write(c, 1, VALUE_LIST, &v)) return;
    if (v.e) {
        int64_t max = count < 0 ? -count : count;
        struct list_match m = list_match_of(c->argv[3]);
        struct list_iter it = list_from(v.e, count < 0 ? -1 : 0, count < 0);
        while ((!max || gone < max) && list_find(&it, &m)) {
            list_erase(&v, &it);
            gone++;
        }
    }
    if (gone) {
        c->changed += gone;
        list_settle(&v, limits_of(c));
        taken(c, &v, 1, "lrem");
    }
    reply_int(c, gone);
}

static void cmd_ltrim(struct call *c)
{
    struct value v;
    int64_t start, end;
    if (!arg_int(c, 2, &start) || !arg_int(c, 3, &end)) return;
    if (!keyed_write(c, 1, VALUE_LIST, &v)) return;
    if (v.e) {
        size_t from, len = list_len(v.e), n = cut_range(start, end, len, &from);
        if (!n) from = len;
        list_delete(&v, limits_of(c), from + n, len - from - n);
        list_delete(&v, limits_of(c), 0, from);
        c->changed += (int64_t)(len - n);
        taken(c, &v, 1, "ltrim");
    }
    reply_ok(c);
}

/* ---- from list to list ---- */

bool list_end_arg(struct call *c, int at, enum list_end *end)
{
    *end = arg_is(c, at, "RIGHT") ? LIST_TAIL : LIST_HEAD;
    if (*end == LIST_TAIL || arg_is(c, at, "LEFT")) return true;
    reply_syntax_error(c);
    return false;
}

static void drop_end(struct call *c, struct value *v, enum list_end end)
{
    list_delete(v, limits_of(c), end == LIST_HEAD ? 0 : list_len(v->e) - 1, 1);
}

bool list_move(struct call *c, struct value *from, enum list_end pop_end, enum list_end push_end)
{
    struct value to;
    struct slice s;
    char tmp[PACKED_TMP];
    ks_write(db_of(c), c->argv[2], lookup_flags(c), &to);
    if (!is_list(c, &to)) return false;
    list_get(from->e, pop_end == LIST_HEAD ? 0 : -1, tmp, &s);
    reply_bulk(c, s);
    if (to.e == from->e) {
        struct str copy = str_new(s);
        drop_end(c, from, pop_end);
        list_push(from, limits_of(c), push_end, 1, &(struct slice){ copy.p, copy.n });
        str_free(&copy);
    } else {
        push_to(c, &to, c->argv[2], push_end, 1, &s);
        drop_end(c, from, pop_end);
    }
    c->changed++;
    keyed_event(c, NOTIFY_LIST, push_event(push_end), 2);
    taken(c, from, 1, pop_event(pop_end));
    return true;
}

static void move(struct call *c, enum list_end pop_end, enum list_end push_end)
{
    struct value from;
    if (!keyed_write(c, 1, VALUE_LIST, &from)) return;
    if (from.e)
        list_move(c, &from, pop_end, push_end);
    else
        reply_null(c);
}

static void cmd_lmove(struct call *c)
{
    enum list_end from, to;
    if (list_end_arg(c, 3, &from) && list_end_arg(c, 4, &to)) move(c, from, to);
}

static void cmd_rpoplpush(struct call *c) { move(c, LIST_TAIL, LIST_HEAD); }

bool list_mpop_args(struct call *c, int at, struct list_mpop *m)
{
    int64_t keys, count = -1;
    if (!arg_int_range(c, at, 1, INT64_MAX, &keys, "numkeys should be greater than 0"))
        return false;
    if (keys >= c->argc - at - 1) {
        reply_syntax_error(c);
        return false;
    }
    m->first = at + 1;
    m->keys = (int)keys;
    int i = m->first + m->keys;
    if (!list_end_arg(c, i, &m->end)) return false;
    for (i++; i < c->argc; i += 2) {
        if (count >= 0 || !arg_is(c, i, "COUNT") || i + 1 >= c->argc) {
            reply_syntax_error(c);
            return false;
        }
        if (!arg_int_range(c, i + 1, 1, INT64_MAX, &count, "count should be greater than 0"))
            return false;
    }
    m->count = count < 0 ? 1 : (size_t)count;
    return true;
}

static void cmd_lmpop(struct call *c)
{
    struct list_mpop m;
    struct value v;
    if (!list_mpop_args(c, 1, &m)) return;
    for (int at = m.first; at < m.first + m.keys; at++) {
        if (!keyed_write(c, at, VALUE_LIST, &v)) return;
        if (!v.e) continue;
        size_t len = list_len(v.e), n = m.count < len ? m.count : len;
        reply_array(c, 2);
        reply_bulk(c, c->argv[at]);
        list_pop_reply_many(c, &v, at, m.end, n);
        list_stream_pop(c, c->argv[at], m.end, n);
        return;
    }
    reply_null_array(c);
}

#define LIST .acl = ACL_LIST, .group = "list"
#define ROW(nm, fn, ar, fl, since_, cx, sum, syn, ...)                                             \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, LIST, .keys = { __VA_ARGS__ }, .since = since_,          \
                .complexity = cx, .summary = sum, .syntax = syn                                    \
    }
#define WRITES (CMD_WRITE | CMD_DENYOOM)
#define READS KEYS(1, 1, 1, KEY_RO | KEY_ACCESS)
#define INSERTS KEYS(1, 1, 1, KEY_RW | KEY_INSERT)
#define TAKES KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)
#define DELETES KEYS(1, 1, 1, KEY_RW | KEY_DELETE)
#define MOVES TAKES, KEYS(2, 2, 1, KEY_RW | KEY_INSERT)

#define MULTIPLE "Several elements at once."
static const char *const push_history[] = { "2.4.0", MULTIPLE, NULL };
static const char *const pushx_history[] = { "4.0.0", MULTIPLE, NULL };
static const char *const pop_history[] = { "6.2.0", "New: count.", NULL };

const struct command cmds_list[] = {
    ROW("LINDEX", cmd_lindex, 3, CMD_READONLY, "1.0.0", "O(N), N: elements passed over",
        "Gives the element at an index.", "key:key index:integer", READS),
    ROW("LINSERT", cmd_linsert, 5, WRITES, "2.2.0", "O(N), N: elements before the pivot",
        "Puts an element before or after another one.",
        "key:key where=(BEFORE|AFTER) pivot:string element:string", INSERTS),
    ROW("LLEN", cmd_llen, 2, CMD_READONLY | CMD_FAST, "1.0.0", "O(1)", "Gives a list's length.",
        "key:key", KEYS(1, 1, 1, KEY_RO)),
    ROW("LMOVE", cmd_lmove, 5, WRITES, "6.2.0", "O(1)",
        "Takes an element from an end of a list and puts it to an end of another; gives it.",
        "source:key destination:key wherefrom=(LEFT|RIGHT) whereto=(LEFT|RIGHT)", MOVES),
    ROW("LMPOP", cmd_lmpop, -4, CMD_WRITE | CMD_MOVABLE_KEYS, "7.0.0",
        "O(N + M), N: keys, M: elements given",
        "Takes elements from the first list among the keys that has any.",
        "numkeys:integer key:key... where=(LEFT|RIGHT) [COUNT count:integer]",
        { .begin = KEYS_AT, .first = 1, .find = KEYS_NUMBERED, .numkeys = 0, .firstkey = 1,
          .step = 1, .flags = KEY_RW | KEY_ACCESS | KEY_DELETE }),
    { "LPOP", cmd_lpop, .arity = -2, .flags = CMD_WRITE | CMD_FAST, LIST, .keys = { TAKES },
      .since = "1.0.0", .complexity = "O(N), N: elements given",
      .summary = "Takes the first elements of a list.", .syntax = "key:key [count:integer@6.2.0]",
      .history = pop_history },
    ROW("LPOS", cmd_lpos, -3, CMD_READONLY, "6.0.6", "O(N), N: elements looked at",
        "Gives the positions of elements that equal one.",
        "key:key element:string [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN "
        "len:integer]",
        READS),
    { "LPUSH", cmd_lpush, .arity = -3, .flags = WRITES | CMD_FAST, LIST, .keys = { INSERTS },
      .since = "1.0.0", .complexity = "O(1) an element",
      .summary = "Puts elements in front of a list, which is made if it is missing.",
      .syntax = "key:key element:string...", .history = push_history },
    { "LPUSHX", cmd_lpushx, .arity = -3, .flags = WRITES | CMD_FAST, LIST, .keys = { INSERTS },
      .since = "2.2.0", .complexity = "O(1) an element",
      .summary = "Puts elements in front of a list that exists.",
      .syntax = "key:key element:string...", .history = pushx_history },
    ROW("LRANGE", cmd_lrange, 4, CMD_READONLY, "1.0.0",
        "O(S + N), S: distance from the nearer end, N: elements given",
        "Gives a part of a list.", "key:key start:integer stop:integer", READS),
    ROW("LREM", cmd_lrem, 4, CMD_WRITE, "1.0.0", "O(N + M), N: elements, M: those removed",
        "Removes elements that equal one, from the head or from the tail on.",
        "key:key count:integer element:string", DELETES),
    ROW("LSET", cmd_lset, 4, WRITES, "1.0.0", "O(N), N: elements passed over; O(1) at the ends",
        "Replaces the element at an index.", "key:key index:integer element:string",
        KEYS(1, 1, 1, KEY_RW | KEY_UPDATE)),
    ROW("LTRIM", cmd_ltrim, 4, CMD_WRITE, "1.0.0", "O(N), N: elements removed",
        "Keeps a part of a list only.", "key:key start:integer stop:integer", DELETES),
    { "RPOP", cmd_rpop, .arity = -2, .flags = CMD_WRITE | CMD_FAST, LIST, .keys = { TAKES },
      .since = "1.0.0", .complexity = "O(N), N: elements given",
      .summary = "Takes the last elements of a list.", .syntax = "key:key [count:integer@6.2.0]",
      .history = pop_history },
    { "RPOPLPUSH", cmd_rpoplpush, .arity = 3, .flags = WRITES, LIST, .keys = { MOVES },
      .since = "1.2.0", .complexity = "O(1)",
      .summary = "Takes the last element of a list and puts it in front of another; gives it.",
      .syntax = "source:key destination:key", .deprecated_since = "6.2.0",
      .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments" },
    { "RPUSH", cmd_rpush, .arity = -3, .flags = WRITES | CMD_FAST, LIST, .keys = { INSERTS },
      .since = "1.0.0", .complexity = "O(1) an element",
      .summary = "Puts elements at the end of a list, which is made if it is missing.",
      .syntax = "key:key element:string...", .history = push_history },
    { "RPUSHX", cmd_rpushx, .arity = -3, .flags = WRITES | CMD_FAST, LIST, .keys = { INSERTS },
      .since = "2.2.0", .complexity = "O(1) an element",
      .summary = "Puts elements at the end of a list that exists.",
      .syntax = "key:key element:string...", .history = pushx_history },
    COMMANDS_END,
};
