/* What the stream family's files share; the contract stands in stream.h. */
#include "server/cmd/stream.h"

/* ---- arguments ---- */

static bool read_id(struct call *c, struct slice s, uint64_t missing, bool any,
                    struct stream_id *out)
{
    if (any && slice_eqz(s, "-")) {
        *out = STREAM_ID_MIN;
        return true;
    }
    if (any && slice_eqz(s, "+")) {
        *out = STREAM_ID_MAX;
        return true;
    }
    if (stream_id_read(s, missing, NULL, out)) return true;
    reply_error(c, "Invalid stream ID specified as stream command argument");
    return false;
}

bool stream_id_arg(struct call *c, int at, uint64_t missing, struct stream_id *out)
{
    return read_id(c, c->argv[at], missing, false, out);
}

bool stream_any_id_arg(struct call *c, int at, uint64_t missing, struct stream_id *out)
{
    return read_id(c, c->argv[at], missing, true, out);
}

bool stream_bound_arg(struct call *c, int at, bool upper, struct stream_id *out)
{
    struct slice s = c->argv[at];
    bool open = s.n > 1 && s.p[0] == '(';
    if (open) s = slice_of(s.p + 1, s.n - 1);
    if (!read_id(c, s, upper ? UINT64_MAX : 0, !open, out)) return false;
    if (!open || (upper ? stream_id_prev(out) : stream_id_next(out))) return true;
    reply_error_fmt(c, "invalid %s ID for the interval", upper ? "end" : "start");
    return false;
}

bool stream_group_arg(struct call *c, int key_at, int group_at, bool write, const char *how,
                      struct value *v, struct stream_group **g)
{
    struct slice key = c->argv[key_at], name = c->argv[group_at];
    if (!(write ? keyed_write : keyed_read)(c, key_at, VALUE_STREAM, v)) return false;
    *g = v->e ? stream_group_find(stream_of(v->e), name) : NULL;
    if (*g) return true;
    reply_error_fmt(c, "-NOGROUP No such key '%.*s' or consumer group '%.*s'%s", SLICE_ARG(key),
                    SLICE_ARG(name), how);
    return false;
}

/* ---- replies ---- */

void stream_reply_id(struct call *c, struct stream_id id)
{
    char tmp[STREAM_ID_TMP];
    reply_bulk(c, stream_id_text(id, tmp));
}

void stream_reply_entry(struct call *c, struct stream_iter *it)
{
    char tmp[PACKED_TMP];
    struct packed_item field, value;
    reply_array(c, 2);
    stream_reply_id(c, it->id);
    reply_array(c, it->fields * 2);
    while (it->left) {
        stream_field(it, &field, &value);
        reply_bulk(c, packed_item_text(&field, tmp));
        reply_bulk(c, packed_item_text(&value, tmp));
    }
}

void stream_reply_range(struct call *c, const struct stream *s, struct stream_id start,
                        struct stream_id end, uint64_t count, bool reverse)
{
    size_t mark = reply_later(c), n = 0;
    struct stream_iter it = stream_range(s, start, end, reverse);
    while ((!count || n < count) && stream_next(&it)) {
        stream_reply_entry(c, &it);
        n++;
    }
    reply_later_array(c, mark, n);
}

bool stream_reply_one(struct call *c, const struct stream *s, struct stream_id id)
{
    struct stream_iter it = stream_range(s, id, id, false);
    if (!stream_next(&it)) return false;
    stream_reply_entry(c, &it);
    return true;
}

/* ---- consumers ---- */

struct stream_consumer *stream_consumer_use(struct call *c, int key_at, struct stream_group *g,
                                            struct slice name, bool *created)
{
    struct stream_consumer *found = stream_consumer_find(g, name);
    if (created) *created = !found;
    if (found) {
        found->seen_ms = c->now_ms;
        return found;
    }
    c->changed++;
    keyed_event(c, NOTIFY_STREAM, "xgroup-createconsumer", key_at);
    return stream_consumer_add(g, name, c->now_ms);
}

/* ---- the stream of writes ---- */

struct digits {
    char text[NUM_I64_MAX];
};

static struct slice number(struct digits *d, int64_t v)
{
    return slice_of(d->text, num_from_i64(d->text, v));
}

void stream_tell_claim(struct call *c, struct slice key, const struct stream_group *g,
                       struct stream_id id, const struct stream_pending *p)
{
    char id_text[STREAM_ID_TMP], last_text[STREAM_ID_TMP];
    struct digits time, count;
    call_replace_words(c, SLICE("XCLAIM"), key, str_slice(g->name), str_slice(p->consumer->name),
                       SLICE("0"), stream_id_text(id, id_text), SLICE("TIME"),
                       number(&time, p->delivered_ms), SLICE("RETRYCOUNT"),
                       number(&count, (int64_t)p->deliveries), SLICE("FORCE"), SLICE("JUSTID"),
                       SLICE("LASTID"), stream_id_text(g->last_id, last_text));
}

void stream_tell_group(struct call *c, struct slice key, const struct stream_group *g)
{
    char last_text[STREAM_ID_TMP];
    struct digits read;
    call_replace_words(c, SLICE("XGROUP"), SLICE("SETID"), key, str_slice(g->name),
                       stream_id_text(g->last_id, last_text), SLICE("ENTRIESREAD"),
                       number(&read, g->entries_read));
}

void stream_tell_consumer(struct call *c, struct slice key, const struct stream_group *g,
                          const struct stream_consumer *consumer)
{
    call_replace_words(c, SLICE("XGROUP"), SLICE("CREATECONSUMER"), key, str_slice(g->name),
                       str_slice(consumer->name));
}
