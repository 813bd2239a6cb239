#include "core/front/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/num.h"
#include "core/front/call.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/stats.h"
#include "core/resp/write.h"
#include "core/sys/log.h"

/* Command functions reply through a call whose `out` is NULL when nobody wants the reply. */

#define ERROR_TEXT_MAX 1024 /* errors quote arguments; Redis cuts what it quotes far below this */

void reply_raw(struct call *c, struct slice s)
{
    if (c->out) buf_puts(c->out, s);
}

void reply_ok(struct call *c)
{
    if (c->out) buf_put(c->out, "+OK\r\n", 5);
}

void reply_status(struct call *c, const char *z)
{
    if (c->out) resp_status(c->out, slice_z(z));
}

void reply_int(struct call *c, int64_t v)
{
    if (c->out) resp_int(c->out, v);
}

void reply_bulk(struct call *c, struct slice s)
{
    if (c->out) resp_bulk(c->out, s);
}

void reply_bulk_z(struct call *c, const char *z) { reply_bulk(c, slice_z(z)); }

void reply_bulk_int(struct call *c, int64_t v)
{
    if (c->out) resp_bulk_int(c->out, v);
}

void reply_bulk_fmt(struct call *c, const char *fmt, ...)
{
    if (!c->out) return;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    must(n >= 0);
    char *text = mem_alloc((size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    resp_bulk(c->out, slice_of(text, (size_t)n));
    mem_free(text);
}

void reply_null(struct call *c)
{
    if (c->out) resp_null(c->out, c->client->resp);
}

void reply_null_array(struct call *c)
{
    if (c->out) resp_null_array(c->out, c->client->resp);
}

void reply_array(struct call *c, size_t n)
{
    if (c->out) resp_array(c->out, n);
}

void reply_map(struct call *c, size_t pairs)
{
    if (c->out) resp_map(c->out, c->client->resp, pairs);
}

void reply_set(struct call *c, size_t n)
{
    if (c->out) resp_set(c->out, c->client->resp, n);
}

void reply_push(struct call *c, size_t n)
{
    if (c->out) resp_push(c->out, c->client->resp, n);
}

void reply_double(struct call *c, double v)
{
    if (c->out) resp_double(c->out, c->client->resp, v);
}

void reply_ldouble(struct call *c, long double v)
{
    char text[NUM_LDOUBLE_MAX];
    size_t n = num_from_ldouble(text, v);
    reply_bulk(c, slice_of(text, n));
}

void reply_bool(struct call *c, bool v)
{
    if (c->out) resp_bool(c->out, c->client->resp, v);
}

void reply_bignum(struct call *c, struct slice digits)
{
    if (c->out) resp_bignum(c->out, c->client->resp, digits);
}

void reply_verbatim(struct call *c, const char *ext3, struct slice s)
{
    if (c->out) resp_verbatim(c->out, c->client->resp, ext3, s);
}

/* ---- headers known only afterwards ---- */

size_t reply_later(struct call *c) { return c->out ? buf_size(c->out) : 0; }

/* The header is written behind the items and then turned in front of them. */
static void put_header(struct call *c, size_t mark, void (*header)(struct call *, size_t), size_t n)
{
    if (!c->out) return;
    size_t items = buf_size(c->out) - mark;
    header(c, n);
    size_t h = buf_size(c->out) - mark - items;
    char text[32];
    must(h <= sizeof(text));
    char *at = buf_head(c->out) + mark;
    memcpy(text, at + items, h);
    memmove(at + h, at, items);
    memcpy(at, text, h);
}

void reply_later_array(struct call *c, size_t mark, size_t n)
{
    put_header(c, mark, reply_array, n);
}
void reply_later_map(struct call *c, size_t mark, size_t pairs)
{
    put_header(c, mark, reply_map, pairs);
}
void reply_later_set(struct call *c, size_t mark, size_t n) { put_header(c, mark, reply_set, n); }

/* ---- errors ---- */

/* Our master, or who wrote the file, did what we can not: the data differ from here on. */
static void unexpected(struct call *c, struct slice text)
{
    c->front->stats.unexpected_error_replies++;
    size_t code = slice_starts(text, "ERR ") ? 4 : 0;
    struct slice said = slice_of(text.p + code, text.n - code);
    bool file = c->client->from_file;
    log_warning("== CRITICAL == This %s is sending an error to its %s: '%.*s' after processing the "
                "command '%s'",
                file ? "AOF-loading-client" : "replica", file ? "server" : "master",
                SLICE_ARG(said), c->entry ? c->entry->fullname : "<unknown>");
}

static void error_counted(struct call *c, struct slice text)
{
    struct front *f = c->front;
    c->failed = true;
    c->client->block_failed = true; /* matters while it is blocked */
    f->stats.error_replies++;
    error_stats_count(f->errors, text);
    if (c->client->flags & CLIENT_MASTER) unexpected(c, text);
}

void reply_error(struct call *c, const char *text)
{
    char whole[ERROR_TEXT_MAX + 8];
    bool coded = text[0] == '-';
    int n = snprintf(whole, sizeof(whole), "%s%s", coded ? "" : "ERR ", coded ? text + 1 : text);
    if (n >= (int)sizeof(whole)) n = (int)sizeof(whole) - 1;
    struct slice s = slice_of(whole, (size_t)n);
    error_counted(c, s);
    if (c->out) resp_error(c->out, s);
}

void reply_error_text(struct call *c, struct slice text, bool count)
{
    if (count) error_counted(c, text);
    c->failed = true;
    if (c->out) resp_error(c->out, text);
}

void reply_error_fmt(struct call *c, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    reply_error(c, text);
}

void reply_wrong_type(struct call *c)
{
    reply_error(c, "-WRONGTYPE Operation against a key holding the wrong kind of value");
}

void reply_syntax_error(struct call *c) { reply_error(c, "syntax error"); }
void reply_not_int(struct call *c) { reply_error(c, "value is not an integer or out of range"); }
void reply_not_float(struct call *c) { reply_error(c, "value is not a valid float"); }
void reply_no_key(struct call *c) { reply_error(c, "no such key"); }

void reply_arity(struct call *c)
{
    reply_error_fmt(c, "wrong number of arguments for '%s' command", c->entry->fullname);
}

static void upper(char *z)
{
    for (; *z; z++)
        if (*z >= 'a' && *z <= 'z') *z = (char)(*z - 32);
}

/* The name of the call's container in capitals, as HELP texts show it. */
static void container_name(const struct call *c, char *out, size_t cap)
{
    const struct command_entry *top = c->entry->parent ? c->entry->parent : c->entry;
    text_copy(out, cap, top->fullname);
    upper(out);
}

static void sub_error(struct call *c, const char *what)
{
    char name[64];
    container_name(c, name, sizeof(name));
    struct slice sub = c->argc > 1 ? c->argv[1] : SLICE("");
    if (sub.n > 128) sub.n = 128;
    reply_error_fmt(c, "unknown subcommand%s '%.*s'. Try %s HELP.", what, SLICE_ARG(sub), name);
}

void reply_unknown_sub(struct call *c) { sub_error(c, ""); }
void reply_sub_arity(struct call *c) { sub_error(c, " or wrong number of arguments for"); }

void reply_help(struct call *c, const char *const *lines)
{
    char name[64], first[160];
    container_name(c, name, sizeof(name));
    size_t n = 0;
    while (lines[n]) n++;
    reply_array(c, n + 3);
    snprintf(first, sizeof(first),
             "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    reply_status(c, first);
    for (size_t i = 0; i < n; i++) reply_status(c, lines[i]);
    reply_status(c, "HELP");
    reply_status(c, "    Show these lines.");
}

/* ---- arguments ---- */

bool arg_int(struct call *c, int at, int64_t *out)
{
    if (num_to_i64(c->argv[at], out)) return true;
    reply_not_int(c);
    return false;
}

bool arg_int_range(struct call *c, int at, int64_t min, int64_t max, int64_t *out,
                   const char *error)
{
    if (num_to_i64(c->argv[at], out) && *out >= min && *out <= max) return true;
    reply_error(c, error ? error : "value is out of range");
    return false;
}

bool arg_double(struct call *c, int at, double *out)
{
    if (num_to_double(c->argv[at], out)) return true;
    reply_not_float(c);
    return false;
}

bool arg_is(const struct call *c, int at, const char *word)
{
    return at < c->argc && slice_ieqz(c->argv[at], word);
}

/* ---- other clients ---- */

static struct call call_for(struct client *cl, uint32_t dropped)
{
    bool mute = cl->flags & (dropped | CLIENT_MASTER | CLIENT_CLOSING | CLIENT_CLOSE_AFTER_REPLY);
    return (struct call){ .front = cl->front,
                          .client = cl,
                          .app = cl->front->app,
                          .out = mute ? NULL : client_out(cl) };
}

struct call reply_call_for(struct client *cl)
{
    return call_for(cl, CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP);
}

struct call push_call_for(struct client *cl) { return call_for(cl, 0); }
