#include "core/resp/value.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/num.h"

#define NODES_KEEP 1024  /* a larger tree's memory is given back at the next reply */
#define ITEM_BYTES_MIN 3 /* "_" CR LF: the shortest value */
#define NO_BULK SIZE_MAX

/* One aggregate whose items are being read. */
struct level {
    size_t next, end; /* nodes: the item to read now, behind the last one */
    bool attribute;   /* dropped at its end: the value itself follows */
};

/* While a reply is unfinished, nodes hold offsets where the finished tree has pointers: text.p is
 * an offset in the buffer, item an index of the node array. Both may move. */
struct resp_nodes {
    struct resp_value *at;
    size_t n, cap;
    struct level levels[RESP_DEPTH_MAX + 1];
    int depth;
    size_t pos;      /* next byte to look at */
    size_t scanned;  /* no line end before this offset */
    size_t bulk;     /* length of the bulk begun */
    size_t cut;      /* bytes of the bulk that are not text: "txt:" */
    bool resolved;   /* the tree was handed out */
};

void resp_reply_init(struct resp_reply *r, size_t size_max)
{
    *r = (struct resp_reply){ .size_max = size_max };
    r->nodes = mem_zalloc(sizeof(*r->nodes));
    r->nodes->bulk = NO_BULK;
    r->nodes->resolved = true;
}

void resp_reply_free(struct resp_reply *r)
{
    if (r->nodes) mem_free(r->nodes->at);
    mem_free(r->nodes);
    *r = (struct resp_reply){ .size_max = r->size_max };
}

void resp_reply_reset(struct resp_reply *r)
{
    struct resp_nodes *t = r->nodes;
    r->root = NULL;
    t->bulk = NO_BULK;
    t->resolved = true;
}

static enum resp_got bad(struct resp_reply *r, const char *text)
{
    r->error = text;
    return RESP_BAD;
}

static size_t take_nodes(struct resp_nodes *t, size_t n)
{
    if (t->cap - t->n < n) {
        size_t cap = t->cap * 2 > t->n + n ? t->cap * 2 : t->n + n;
        t->at = mem_realloc(t->at, cap * sizeof(*t->at));
        t->cap = cap;
    }
    size_t first = t->n;
    memset(t->at + first, 0, n * sizeof(*t->at));
    t->n += n;
    return first;
}

static void begin(struct resp_nodes *t)
{
    if (t->cap > NODES_KEEP) {
        mem_free(t->at);
        t->at = NULL;
        t->cap = 0;
    }
    t->n = t->pos = t->scanned = 0;
    t->bulk = NO_BULK;
    t->resolved = false;
    size_t root = take_nodes(t, 1);
    t->levels[0] = (struct level){ .next = root, .end = root + 1 };
    t->depth = 1;
}

/* Offsets become pointers, once. */
static void resolve(struct resp_nodes *t, const char *buf)
{
    for (size_t i = 0; i < t->n; i++) {
        struct resp_value *v = &t->at[i];
        v->text.p = v->text.n ? buf + (uintptr_t)v->text.p : "";
        if (v->item) v->item = t->at + (uintptr_t)v->item;
    }
    t->resolved = true;
}

static struct level *top(struct resp_nodes *t) { return &t->levels[t->depth - 1]; }
static struct resp_value *current(struct resp_nodes *t) { return &t->at[top(t)->next]; }

/* The current item is complete: go on to the next, leaving aggregates that are complete too. */
static void advance(struct resp_nodes *t)
{
    top(t)->next++;
    while (t->depth > 0 && top(t)->next == top(t)->end) {
        bool attribute = top(t)->attribute;
        t->depth--;
        if (attribute || t->depth == 0) return;
        top(t)->next++;
    }
}

static void set_text(struct resp_value *v, size_t from, size_t n)
{
    /* Offset 0 is always a type byte, so a text's offset is never taken for NULL. */
    v->text = slice_of((const char *)(uintptr_t)from, n);
}

struct type {
    char byte;
    enum resp_kind kind;
    enum { LINE, NUMBER, REAL, TRUTH, NOTHING, SIZED, ITEMS, PAIRS, ATTRIBUTE } form;
    size_t cut;
};

static const struct type types[] = {
    { '+', RESP_STATUS, LINE },     { '-', RESP_ERROR, LINE },   { ':', RESP_INT, NUMBER },
    { '$', RESP_BULK, SIZED },      { '*', RESP_ARRAY, ITEMS },  { '_', RESP_NULL, NOTHING },
    { '%', RESP_MAP, PAIRS },       { '~', RESP_SET, ITEMS },    { '>', RESP_PUSH, ITEMS },
    { ',', RESP_DOUBLE, REAL },     { '#', RESP_BOOL, TRUTH },   { '(', RESP_BIGNUM, LINE },
    { '=', RESP_VERBATIM, SIZED, 4 }, { '!', RESP_ERROR, SIZED }, { '|', RESP_MAP, ATTRIBUTE },
};

static const struct type *type_of(char byte)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].byte == byte) return &types[i];
    return NULL;
}

static enum resp_got bulk_body(struct resp_reply *r, const char *buf, size_t len)
{
    struct resp_nodes *t = r->nodes;
    size_t there = len - t->pos;
    if (there < 2 || there - 2 < t->bulk) return RESP_MORE;
    const char *p = buf + t->pos;
    if (p[t->bulk] != '\r' || p[t->bulk + 1] != '\n') return bad(r, "bulk without line end");
    set_text(current(t), t->pos + t->cut, t->bulk - t->cut);
    t->pos += t->bulk + 2;
    t->bulk = NO_BULK;
    advance(t);
    return RESP_ONE;
}

static enum resp_got bulk_begins(struct resp_reply *r, const struct type *type, int64_t n)
{
    struct resp_nodes *t = r->nodes;
    if (n == -1 && type->kind == RESP_BULK) {
        current(t)->kind = RESP_NULL;
        advance(t);
        return RESP_ONE;
    }
    if (n < (int64_t)type->cut || (uint64_t)n > r->size_max || (uint64_t)n > SIZE_MAX / 2)
        return bad(r, "invalid bulk length");
    t->bulk = (size_t)n;
    t->cut = type->cut;
    return RESP_ONE;
}

/* An aggregate of n items (pairs counted twice) whose first line ends at `next`. */
static enum resp_got items_begin(struct resp_reply *r, const struct type *type, int64_t n,
                                 size_t next, size_t len)
{
    struct resp_nodes *t = r->nodes;
    struct resp_value *v = current(t);
    if (n == -1 && type->kind == RESP_ARRAY) v->kind = RESP_NULL;
    if (n == 0 || v->kind == RESP_NULL) {
        t->pos = next;
        if (type->form != ATTRIBUTE) advance(t);
        return RESP_ONE;
    }
    size_t count = (size_t)n * (type->form == ITEMS ? 1 : 2);
    if (n < 0 || n > RESP_NODES_MAX || count + t->n > RESP_NODES_MAX)
        return bad(r, "invalid aggregate length");
    if (t->depth > RESP_DEPTH_MAX) return bad(r, "nested too deeply");
    if ((len - next) / ITEM_BYTES_MIN < count) return RESP_MORE;
    size_t slot = top(t)->next, first = take_nodes(t, count);
    if (type->form != ATTRIBUTE) {
        v = &t->at[slot];
        v->n = (size_t)n;
        v->item = (const struct resp_value *)(uintptr_t)first;
    }
    t->pos = next;
    t->levels[t->depth++] = (struct level){ first, first + count, type->form == ATTRIBUTE };
    return RESP_ONE;
}

/* The item's first line, text without type byte and line end. */
static enum resp_got first_line(struct resp_reply *r, const struct type *type, struct slice text,
                                size_t next, size_t len)
{
    struct resp_nodes *t = r->nodes;
    struct resp_value *v = current(t);
    v->kind = type->kind;
    int64_t n = 0;
    bool counted = type->form == NUMBER || type->form >= SIZED;
    if (counted && !num_to_i64(text, &n)) return bad(r, "invalid number");
    if (type->form >= ITEMS) return items_begin(r, type, n, next, len);
    size_t from = t->pos + 1;
    t->pos = next;
    switch (type->form) {
    case SIZED: return bulk_begins(r, type, n);
    case NUMBER: v->number = n; break;
    case TRUTH:
        if (!slice_eqz(text, "t") && !slice_eqz(text, "f")) return bad(r, "invalid boolean");
        v->number = text.p[0] == 't';
        break;
    case REAL:
        if (slice_ieqz(text, "nan"))
            v->real = NAN;
        else if (!num_to_double(text, &v->real))
            return bad(r, "invalid double");
        set_text(v, from, text.n);
        break;
    case NOTHING:
        if (text.n) return bad(r, "invalid null");
        break;
    default: set_text(v, from, text.n);
    }
    advance(t);
    return RESP_ONE;
}

static enum resp_got read_item(struct resp_reply *r, const char *buf, size_t len)
{
    struct resp_nodes *t = r->nodes;
    if (t->bulk != NO_BULK) return bulk_body(r, buf, len);
    if (t->pos == len) return RESP_MORE;
    const struct type *type = type_of(buf[t->pos]);
    if (!type) return bad(r, "unknown type byte");
    size_t scan = t->scanned > t->pos ? t->scanned : t->pos;
    size_t stop = len - t->pos > RESP_INLINE_MAX ? t->pos + RESP_INLINE_MAX : len;
    const char *cr = scan < stop ? memchr(buf + scan, '\r', stop - scan) : NULL;
    if (!cr) {
        t->scanned = stop;
        return len - t->pos > RESP_INLINE_MAX ? bad(r, "too long line") : RESP_MORE;
    }
    size_t at = (size_t)(cr - buf);
    t->scanned = at;
    if (len - at < 2) return RESP_MORE;
    if (cr[1] != '\n') return bad(r, "line without line feed");
    struct slice text = slice_of(buf + t->pos + 1, at - t->pos - 1);
    return first_line(r, type, text, at + 2, len);
}

enum resp_got resp_reply_next(struct resp_reply *r, const char *buf, size_t len)
{
    struct resp_nodes *t = r->nodes;
    if (t->resolved) {
        r->root = NULL;
        if (len == 0) return RESP_MORE;
        begin(t);
    }
    must(len >= t->pos);
    while (t->depth > 0) {
        enum resp_got got = read_item(r, buf, len);
        if (got != RESP_ONE) return got;
    }
    resolve(t, buf);
    r->root = t->at;
    r->size = t->pos;
    return RESP_ONE;
}

struct slice resp_text_at(const struct resp_value *v, size_t i)
{
    if (!v || !v->item) return SLICE("");
    size_t n = v->kind == RESP_MAP ? v->n * 2 : v->n;
    return i < n && v->item[i].text.n ? v->item[i].text : SLICE("");
}

const struct resp_value *resp_lookup(const struct resp_value *v, const char *key)
{
    if (!v || !v->item) return NULL;
    size_t n = v->kind == RESP_MAP ? v->n * 2 : v->n;
    for (size_t i = 0; i + 1 < n; i += 2)
        if (slice_eqz(v->item[i].text, key)) return &v->item[i + 1];
    return NULL;
}
