/* CLIENT TRACKING and its kin: reading of options, errors in Redis' words and order. */
#include "server/cmd/tracking.h"

#include "core/base/vec.h"
#include "core/front/reply.h"
#include "server/tracking.h"

struct options {
    uint32_t modes;
    int64_t redirect;
    VEC(struct slice) prefix;
};

static bool read_redirect(struct call *c, int at, struct options *o)
{
    if (o->redirect) {
        reply_error(c, "A client can only redirect to a single other client");
        return false;
    }
    if (!arg_int(c, at, &o->redirect)) return false;
    if (o->redirect > 0 && client_by_id(c->front, (uint64_t)o->redirect)) return true;
    reply_error(c, "The client ID you want redirect to does not exist");
    return false;
}

static bool read_options(struct call *c, struct options *o)
{
    static const struct {
        const char *word;
        uint32_t flag;
    } modes[] = { { "BCAST", CLIENT_TRACKING_BCAST },
                  { "OPTIN", CLIENT_TRACKING_OPTIN },
                  { "OPTOUT", CLIENT_TRACKING_OPTOUT },
                  { "NOLOOP", CLIENT_TRACKING_NOLOOP } };
    for (int i = 3; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        uint32_t flag = 0;
        for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
            if (arg_is(c, i, modes[m].word)) flag = modes[m].flag;
        if (flag) {
            o->modes |= flag;
        } else if (more && arg_is(c, i, "REDIRECT")) {
            if (!read_redirect(c, ++i, o)) return false;
        } else if (more && arg_is(c, i, "PREFIX")) {
            vec_push(&o->prefix, c->argv[++i]);
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* The other way round, or with what the client has now, it would be unclear what was asked for. */
static const char *conflict(const struct client *cl, const struct options *o)
{
    const uint32_t in = CLIENT_TRACKING_OPTIN, out = CLIENT_TRACKING_OPTOUT;
    bool bcast = o->modes & CLIENT_TRACKING_BCAST;
    if (!bcast && o->prefix.n) return "PREFIX option requires BCAST mode to be enabled";
    if (cl->flags & CLIENT_TRACKING && bcast != ((cl->flags & CLIENT_TRACKING_BCAST) != 0))
        return "You can't switch BCAST mode on/off before disabling tracking for this client, and "
               "then re-enabling it with a different mode.";
    if (bcast && o->modes & (in | out)) return "OPTIN and OPTOUT are not compatible with BCAST";
    if (o->modes & in && o->modes & out) return "You can't specify both OPTIN mode and OPTOUT mode";
    if ((o->modes & in && cl->flags & out) || (o->modes & out && cl->flags & in))
        return "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and "
               "then re-enabling it with a different mode.";
    return NULL;
}

static bool reply_overlap(struct call *c, struct slice a, const char *which, struct slice b)
{
    reply_error_fmt(c,
                    "Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single client "
                    "must not overlap.",
                    SLICE_ARG(a), which, SLICE_ARG(b));
    return false;
}

static bool overlap(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    return n == 0 || memcmp(a.p, b.p, n) == 0;
}

static bool check_prefixes(struct call *c, const struct options *o)
{
    for (size_t i = 0; i < o->prefix.n; i++) {
        struct slice p = o->prefix.at[i], with;
        if (tracking_overlap(c->client, p, &with))
            return reply_overlap(c, p, "an existing", with);
        for (size_t j = i + 1; j < o->prefix.n; j++)
            if (overlap(p, o->prefix.at[j]))
                return reply_overlap(c, p, "another provided", o->prefix.at[j]);
    }
    return true;
}

static void switch_on(struct call *c, const struct options *o)
{
    const char *why = conflict(c->client, o);
    if (why) {
        reply_error(c, why);
        return;
    }
    if (!check_prefixes(c, o)) return;
    tracking_on(c->client, o->modes, (uint64_t)o->redirect);
    if (o->modes & CLIENT_TRACKING_BCAST && !o->prefix.n)
        tracking_add_prefix(c->client, SLICE(""));
    for (size_t i = 0; i < o->prefix.n; i++) tracking_add_prefix(c->client, o->prefix.at[i]);
    reply_ok(c);
}

static void client_tracking(struct call *c)
{
    struct options o = { 0 };
    if (!read_options(c, &o)) {
        vec_free(&o.prefix);
        return;
    }
    if (arg_is(c, 2, "ON")) {
        switch_on(c, &o);
    } else if (arg_is(c, 2, "OFF")) {
        tracking_off(c->client);
        reply_ok(c);
    } else {
        reply_syntax_error(c);
    }
    vec_free(&o.prefix);
}

static void client_caching(struct call *c)
{
    struct client *cl = c->client;
    if (!(cl->flags & CLIENT_TRACKING)) {
        reply_error(c, "CLIENT CACHING can be called only when the client is in tracking mode with "
                       "OPTIN or OPTOUT mode enabled");
        return;
    }
    bool yes = arg_is(c, 2, "YES");
    if (!yes && !arg_is(c, 2, "NO")) {
        reply_syntax_error(c);
    } else if (!(cl->flags & (yes ? CLIENT_TRACKING_OPTIN : CLIENT_TRACKING_OPTOUT))) {
        reply_error_fmt(c, "CLIENT CACHING %s is only valid when tracking is enabled in %s mode.",
                        yes ? "YES" : "NO", yes ? "OPTIN" : "OPTOUT");
    } else {
        cl->flags |= CLIENT_TRACKING_CACHING;
        reply_ok(c);
    }
}

static int64_t redirect_of(const struct client *cl)
{
    return cl->flags & CLIENT_TRACKING ? (int64_t)cl->redirect : -1;
}

static void client_getredir(struct call *c) { reply_int(c, redirect_of(c->client)); }

static void put_prefix(void *arg, struct slice prefix) { reply_bulk(arg, prefix); }

static void client_trackinginfo(struct call *c)
{
    const struct client *cl = c->client;
    uint32_t f = cl->flags;
    bool said = f & CLIENT_TRACKING_CACHING;
    const struct {
        bool holds;
        const char *word;
    } words[] = { { !(f & CLIENT_TRACKING), "off" },
                  { f & CLIENT_TRACKING, "on" },
                  { f & CLIENT_TRACKING_BCAST, "bcast" },
                  { f & CLIENT_TRACKING_OPTIN, "optin" },
                  { f & CLIENT_TRACKING_OPTIN && said, "caching-yes" },
                  { f & CLIENT_TRACKING_OPTOUT, "optout" },
                  { f & CLIENT_TRACKING_OPTOUT && said, "caching-no" },
                  { f & CLIENT_TRACKING_NOLOOP, "noloop" },
                  { f & CLIENT_TRACKING_BROKEN, "broken_redirect" } };
    const size_t n = sizeof(words) / sizeof(words[0]);
    size_t hold = 0;
    for (size_t i = 0; i < n; i++) hold += words[i].holds;
    reply_map(c, 3);
    reply_bulk_z(c, "flags");
    reply_set(c, hold);
    for (size_t i = 0; i < n; i++)
        if (words[i].holds) reply_bulk_z(c, words[i].word);
    reply_bulk_z(c, "redirect");
    reply_int(c, redirect_of(cl));
    reply_bulk_z(c, "prefixes");
    reply_array(c, tracking_prefixes(cl));
    tracking_each_prefix(cl, put_prefix, c);
}

const struct front_tracking server_front_tracking = {
    .tracking = client_tracking,
    .caching = client_caching,
    .getredir = client_getredir,
    .trackinginfo = client_trackinginfo,
};
