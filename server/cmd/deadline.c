#include <ctype.h>

#include "server/cmd/keyed.h"

#include "replication/replication.h"

static bool invalid_expire(struct call *c)
{
    char name[64];
    size_t n = 0;
    for (const char *p = c->entry->fullname; *p && n + 1 < sizeof(name); p++)
        name[n++] = (char)tolower((unsigned char)*p);
    name[n] = 0;
    reply_error_fmt(c, "-ERR invalid expire time in '%s' command", name);
    return false;
}

bool deadline_arg(struct call *c, int at, enum deadline_unit unit, bool positive, int64_t *out)
{
    int64_t v;
    if (!arg_int(c, at, &v)) return false;
    if (positive && v <= 0) return invalid_expire(c);
    if (unit == IN_SECONDS || unit == AT_SECONDS) {
        if (v > INT64_MAX / 1000 || v < INT64_MIN / 1000) return invalid_expire(c);
        v *= 1000;
    }
    if (unit == IN_SECONDS || unit == IN_MS) {
        if (v > INT64_MAX - c->now_ms) return invalid_expire(c);
        v += c->now_ms;
    }
    *out = v;
    return true;
}

bool deadline_is_past(const struct call *c, int64_t deadline)
{
    const struct server *s = server_of(c);
    if (s->loading || (c->client->flags & CLIENT_MASTER)) return false;
    return deadline <= c->now_ms && replication_is_master(s->repl);
}
