/* acl_log: the denials, newest first, for ACL LOG. The same denial within a minute is counted, not
 * kept again. The contract stands in acl.h. */
#include "core/base/ilist.h"
#include "core/base/mem.h"
#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/config.h"
#include "core/front/front.h"
#include "core/front/reply.h"

#define SAME_MS 60000

struct denial {
    struct ilist node;
    uint64_t id, count;
    enum acl_verdict verdict;
    const char *where;
    struct str object, username, client;
    int64_t created_ms, updated_ms; /* wall clock */
};

struct acl_log {
    struct ilist list;
    size_t n;
    uint64_t next_id;
};

struct acl_log *acl_log_new(void)
{
    struct acl_log *l = mem_zalloc(sizeof(*l));
    ilist_init(&l->list);
    return l;
}

static void drop(struct acl_log *l, struct denial *d)
{
    ilist_remove(&d->node);
    str_free(&d->object);
    str_free(&d->username);
    str_free(&d->client);
    mem_free(d);
    l->n--;
}

static void trim(struct acl_log *l, size_t keep)
{
    while (l->n > keep) drop(l, ilist_of(l->list.prev, struct denial, node));
}

void acl_log_delete(struct acl_log *l)
{
    trim(l, 0);
    mem_free(l);
}

static void count_denial(struct front_stats *s, enum acl_verdict v)
{
    if (v == ACL_DENIED_AUTH) s->acl_denied_auth++;
    else if (v == ACL_DENIED_COMMAND) s->acl_denied_cmd++;
    else if (v == ACL_DENIED_KEY) s->acl_denied_key++;
    else s->acl_denied_channel++;
}

static struct denial *find_same(struct acl_log *l, const struct denial *like)
{
    ilist_each(&l->list, it, next) {
        struct denial *d = ilist_of(it, struct denial, node);
        if (d->verdict == like->verdict && d->where == like->where &&
            like->updated_ms - d->created_ms <= SAME_MS &&
            slice_eq(str_slice(d->object), str_slice(like->object)) &&
            slice_eq(str_slice(d->username), str_slice(like->username)))
            return d;
    }
    return NULL;
}

void acl_log_denied(struct call *c, enum acl_verdict v, struct slice object, struct slice username)
{
    acl_log_denied_in(c, c->client->flags & CLIENT_MULTI ? "multi" : "toplevel", v, object,
                      username);
}

void acl_log_call(struct call *c, const char *where, enum acl_verdict v, int at)
{
    struct slice object = v == ACL_DENIED_COMMAND ? slice_z(c->entry->fullname) : c->argv[at];
    acl_log_denied_in(c, where, v, object, str_slice(c->client->user->name));
}

void acl_log_denied_in(struct call *c, const char *where, enum acl_verdict v, struct slice object,
                       struct slice username)
{
    struct acl_log *l = acl_denials(c->front->acl);
    count_denial(&c->front->stats, v);
    struct denial *d = mem_zalloc(sizeof(*d));
    *d = (struct denial){ .count = 1, .verdict = v, .where = where };
    ilist_init(&d->node);
    d->object = str_new(object);
    d->username = str_new(username);
    d->created_ms = d->updated_ms = front_now_ms(c->front);
    struct buf who = { 0 };
    client_describe(c->client, &who);
    struct denial *same = find_same(l, d);
    l->n++;
    if (same) {
        same->count++;
        same->updated_ms = d->updated_ms;
        str_set(&same->client, buf_slice(&who));
        ilist_remove(&same->node);
        ilist_push_front(&l->list, &same->node);
        drop(l, d);
    } else {
        d->id = l->next_id++;
        d->client = str_new(buf_slice(&who));
        ilist_push_front(&l->list, &d->node);
        trim(l, (size_t)c->front->config->acllog_max_len);
    }
    buf_free(&who);
}

static void reply_denial(struct call *c, const struct denial *d)
{
    static const char *const reasons[] = { [ACL_OK] = "",
                                           [ACL_DENIED_COMMAND] = "command",
                                           [ACL_DENIED_KEY] = "key",
                                           [ACL_DENIED_CHANNEL] = "channel",
                                           [ACL_DENIED_AUTH] = "auth" };
    reply_map(c, 10);
    reply_bulk_z(c, "count");
    reply_int(c, (int64_t)d->count);
    reply_bulk_z(c, "reason");
    reply_bulk_z(c, reasons[d->verdict]);
    reply_bulk_z(c, "context");
    reply_bulk_z(c, d->where);
    reply_bulk_z(c, "object");
    reply_bulk(c, str_slice(d->object));
    reply_bulk_z(c, "username");
    reply_bulk(c, str_slice(d->username));
    reply_bulk_z(c, "age-seconds");
    reply_double(c, (double)(c->now_ms - d->created_ms) / 1000);
    reply_bulk_z(c, "client-info");
    reply_bulk(c, str_slice(d->client));
    reply_bulk_z(c, "entry-id");
    reply_int(c, (int64_t)d->id);
    reply_bulk_z(c, "timestamp-created");
    reply_int(c, d->created_ms);
    reply_bulk_z(c, "timestamp-last-updated");
    reply_int(c, d->updated_ms);
}

void acl_cmd_log(struct call *c)
{
    struct acl_log *l = acl_denials(c->front->acl);
    int64_t want = 10;
    if (c->argc == 3 && arg_is(c, 2, "RESET")) {
        trim(l, 0);
        reply_ok(c);
        return;
    }
    if (c->argc > 3) {
        reply_sub_arity(c);
        return;
    }
    if (c->argc == 3 && !arg_int(c, 2, &want)) return;
    size_t n = want < 0 ? 0 : (uint64_t)want > l->n ? l->n : (size_t)want;
    reply_array(c, n);
    const struct ilist *it = l->list.next;
    for (size_t i = 0; i < n; i++, it = it->next)
        reply_denial(c, ilist_of(it, struct denial, node));
}
