/* XINFO: what a stream, its groups and their consumers look like. */
#include "server/cmd/families.h"
#include "server/cmd/stream.h"

#define FULL_COUNT 10 /* entries and pending entries shown, unless told otherwise */

static bool find_stream(struct call *c, struct stream **s)
{
    struct value v;
    if (!keyed_read(c, 2, VALUE_STREAM, &v)) return false;
    if (!v.e) {
        reply_no_key(c);
        return false;
    }
    *s = stream_of(v.e);
    return true;
}

static void field_int(struct call *c, const char *name, uint64_t v)
{
    reply_bulk_z(c, name);
    reply_int(c, (int64_t)v);
}

static void field_id(struct call *c, const char *name, struct stream_id id)
{
    reply_bulk_z(c, name);
    stream_reply_id(c, id);
}

static void field_name(struct call *c, struct str name)
{
    reply_bulk_z(c, "name");
    reply_bulk(c, str_slice(name));
}

/* Both are nothing when they cannot be told. */
static void fields_of_progress(struct call *c, const struct stream *s, const struct stream_group *g)
{
    int64_t lag;
    reply_bulk_z(c, "entries-read");
    if (g->entries_read == STREAM_UNKNOWN)
        reply_null(c);
    else
        reply_int(c, g->entries_read);
    reply_bulk_z(c, "lag");
    if (stream_group_lag(s, g, &lag))
        reply_int(c, lag);
    else
        reply_null(c);
}

/* ---- STREAM ---- */

static void full_consumer(struct call *c, const struct stream_consumer *who, size_t count)
{
    size_t n = who->pending.count;
    reply_map(c, 4);
    field_name(c, who->name);
    field_int(c, "seen-time", (uint64_t)who->seen_ms);
    field_int(c, "pel-count", n);
    reply_bulk_z(c, "pending");
    if (count && n > count) n = count;
    reply_array(c, n);
    struct idmap_pos pos = idmap_first(&who->pending);
    for (; n--; idmap_step(&pos)) {
        const struct stream_pending *p = stream_pending_at(&pos);
        reply_array(c, 3);
        stream_reply_id(c, idmap_id(&pos));
        reply_int(c, p->delivered_ms);
        reply_int(c, (int64_t)p->deliveries);
    }
}

static void full_group(struct call *c, const struct stream *s, const struct stream_group *g,
                       size_t count)
{
    size_t n = g->pending.count;
    reply_map(c, 7);
    field_name(c, g->name);
    field_id(c, "last-delivered-id", g->last_id);
    fields_of_progress(c, s, g);
    field_int(c, "pel-count", n);
    reply_bulk_z(c, "pending");
    if (count && n > count) n = count;
    reply_array(c, n);
    struct idmap_pos pos = idmap_first(&g->pending);
    for (; n--; idmap_step(&pos)) {
        const struct stream_pending *p = stream_pending_at(&pos);
        reply_array(c, 4);
        stream_reply_id(c, idmap_id(&pos));
        reply_bulk(c, str_slice(p->consumer->name));
        reply_int(c, p->delivered_ms);
        reply_int(c, (int64_t)p->deliveries);
    }
    reply_bulk_z(c, "consumers");
    reply_array(c, g->consumers.n);
    for (size_t i = 0; i < g->consumers.n; i++) full_consumer(c, g->consumers.at[i], count);
}

static void field_edge(struct call *c, const char *name, const struct stream *s, bool first)
{
    reply_bulk_z(c, name);
    struct stream_iter it = stream_range(s, STREAM_ID_MIN, STREAM_ID_MAX, !first);
    if (stream_next(&it))
        stream_reply_entry(c, &it);
    else
        reply_null(c);
}

/* [FULL [COUNT n]] */
static bool full_args(struct call *c, bool *full, int64_t *count)
{
    *full = c->argc > 3;
    *count = FULL_COUNT;
    if (!*full) return true;
    bool fits = arg_is(c, 3, "FULL") && (c->argc == 4 || (c->argc == 6 && arg_is(c, 4, "COUNT")));
    if (!fits) {
        reply_sub_arity(c);
        return false;
    }
    if (c->argc == 6 && !arg_int(c, 5, count)) return false;
    if (*count < 0) *count = FULL_COUNT;
    return true;
}

static void xinfo_stream(struct call *c)
{
    struct stream *s;
    bool full;
    int64_t count;
    if (!find_stream(c, &s) || !full_args(c, &full, &count)) return;
    reply_map(c, full ? 9 : 10);
    field_int(c, "length", s->length);
    field_int(c, "radix-tree-keys", s->nodes.count);
    field_int(c, "radix-tree-nodes", stream_radix_nodes(s));
    field_id(c, "last-generated-id", s->last_id);
    field_id(c, "max-deleted-entry-id", s->max_deleted);
    field_int(c, "entries-added", s->added);
    field_id(c, "recorded-first-entry-id", s->first_id);
    if (full) {
        reply_bulk_z(c, "entries");
        stream_reply_range(c, s, STREAM_ID_MIN, STREAM_ID_MAX, (uint64_t)count, false);
        reply_bulk_z(c, "groups");
        reply_array(c, s->groups.n);
        for (size_t i = 0; i < s->groups.n; i++) full_group(c, s, s->groups.at[i], (size_t)count);
        return;
    }
    field_int(c, "groups", s->groups.n);
    field_edge(c, "first-entry", s, true);
    field_edge(c, "last-entry", s, false);
}

/* ---- GROUPS, CONSUMERS ---- */

static void xinfo_groups(struct call *c)
{
    struct stream *s;
    if (!find_stream(c, &s)) return;
    reply_array(c, s->groups.n);
    for (size_t i = 0; i < s->groups.n; i++) {
        const struct stream_group *g = s->groups.at[i];
        reply_map(c, 6);
        field_name(c, g->name);
        field_int(c, "consumers", g->consumers.n);
        field_int(c, "pending", g->pending.count);
        field_id(c, "last-delivered-id", g->last_id);
        fields_of_progress(c, s, g);
    }
}

static void xinfo_consumers(struct call *c)
{
    struct stream *s;
    if (!find_stream(c, &s)) return;
    const struct stream_group *g = stream_group_find(s, c->argv[3]);
    if (!g) {
        reply_error_fmt(c, "-NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                        SLICE_ARG(c->argv[3]), SLICE_ARG(c->argv[2]));
        return;
    }
    reply_array(c, g->consumers.n);
    for (size_t i = 0; i < g->consumers.n; i++) {
        const struct stream_consumer *who = g->consumers.at[i];
        int64_t idle = c->now_ms - who->seen_ms;
        reply_map(c, 3);
        field_name(c, who->name);
        field_int(c, "pending", who->pending.count);
        field_int(c, "idle", idle < 0 ? 0 : (uint64_t)idle);
    }
}

static void xinfo_help(struct call *c)
{
    static const char *const lines[] = {
        "CONSUMERS <key> <group>",
        "    List the consumers of <group>.",
        "GROUPS <key>",
        "    List the groups of a stream.",
        "STREAM <key> [FULL [COUNT <n>]]",
        "    Describe a stream; FULL adds entries, groups and consumers, <n> of each list.",
        NULL,
    };
    reply_help(c, lines);
}

/* ---- the table ---- */

#define READS_ONE .flags = CMD_READONLY, .keys = { KEYS(2, 2, 1, KEY_RO | KEY_ACCESS) }
#define SUB .acl = ACL_STREAM, .since = "5.0.0", .group = "stream"

static const char *const not_exact[] = { "nondeterministic_output", NULL };
static const char *const stream_history[] = {
    "6.0.0", "The form FULL.",
    "7.0.0", "The fields max-deleted-entry-id, entries-added, recorded-first-entry-id; of groups "
             "entries-read and lag.",
    NULL
};
static const char *const groups_history[] = { "7.0.0", "The fields entries-read and lag.", NULL };

static const struct command xinfo_subs[] = {
    { "CONSUMERS", xinfo_consumers, .arity = 4, READS_ONE, SUB, .complexity = "O(1)",
      .summary = "Lists the consumers of a group.", .syntax = "key:key groupname:string",
      .hints = not_exact },
    { "GROUPS", xinfo_groups, .arity = 3, READS_ONE, SUB, .complexity = "O(1)",
      .summary = "Describes each consumer group of a stream.", .syntax = "key:key",
      .history = groups_history },
    { "HELP", xinfo_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, SUB, .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "STREAM", xinfo_stream, .arity = -3, READS_ONE, SUB, .complexity = "O(1)",
      .summary = "Describes a stream.",
      .syntax = "key:key [full=FULL ([COUNT count:integer])]", .history = stream_history },
    COMMANDS_END,
};

const struct command cmds_stream_info[] = {
    { "XINFO", NULL, .arity = -2, .group = "stream", .since = "5.0.0",
      .complexity = "Depends on the sub-command.",
      .summary = "Describes streams, groups and consumers.", .syntax = "", .subs = xinfo_subs },
    COMMANDS_END,
};
