#include "server/journal.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/vec.h"
#include "core/db/keyspace.h"
#include "core/front/client.h"
#include "core/resp/write.h"
#include "core/sys/clock.h"
#include "server/config.h"
#include "server/script/scripting.h"
#include "server/server.h"

enum { SAID_SILENT = 1, SAID_REPLACED = 2, SAID_FORCED = 4, SAID_FORCED_REPLICAS = 8 };
enum { TO_FEED = 1u << JOURNAL_FEED, TO_FILE = 1u << JOURNAL_FILE };

/* One command of the unit: a range of `bytes`. */
struct journal_op {
    int db;
    unsigned to;
    size_t from, size;
};

struct journal {
    struct server *s;
    struct journal_sink sink[JOURNAL_SINKS];
    int depth;        /* units open: a command, inside an EXEC, inside ... */
    unsigned mute;    /* sinks that have the unit's bytes from elsewhere */
    unsigned said;    /* of the running call */
    unsigned limit;   /* sinks that journal_limit leaves */
    bool forgotten;   /* journal_forget, until the unit's end */
    bool loose;       /* call_loose, until the next unit */
    size_t own_at;    /* where the running call's own words belong among ops */
    int64_t now_ms;
    struct buf bytes;
    VEC(struct journal_op) ops;
};

struct journal *journal_new(struct server *s)
{
    struct journal *j = mem_zalloc(sizeof(*j));
    j->s = s;
    j->limit = JOURNAL_ALL;
    return j;
}

void journal_delete(struct journal *j)
{
    if (!j) return;
    buf_free(&j->bytes);
    vec_free(&j->ops);
    mem_free(j);
}

void journal_sink(struct journal *j, int which, const struct journal_sink *sink)
{
    j->sink[which] = *sink;
}

/* Bits of the sinks that want bytes now. */
static unsigned wanted(const struct journal *j)
{
    unsigned to = 0;
    for (int i = 0; i < JOURNAL_SINKS; i++)
        if (j->sink[i].append && j->sink[i].wants(j->sink[i].arg)) to |= 1u << i;
    return j->s->replaying ? 0 : to & ~j->mute & j->limit;
}

static void append(struct journal *j, unsigned to, int db, struct slice bytes)
{
    for (int i = 0; i < JOURNAL_SINKS; i++)
        if (to & 1u << i) j->sink[i].append(j->sink[i].arg, db, bytes);
}

void journal_limit(struct journal *j, unsigned sinks) { j->limit = sinks; }

void journal_forget(struct journal *j)
{
    j->forgotten = true;
}

int64_t journal_now_ms(const struct journal *j)
{
    return j->depth ? j->now_ms : clock_wall_ms();
}

/* ---- ops ---- */

static void op_put(struct journal *j, size_t at, int db, unsigned to, size_t from)
{
    struct journal_op op = { db, to, from, j->bytes.len - from };
    vec_insert(&j->ops, at, op);
}

static void op_words(struct journal *j, size_t at, int db, unsigned to, int argc,
                     const struct slice *argv)
{
    size_t from = j->bytes.len;
    resp_command(&j->bytes, argc, argv);
    op_put(j, at, db, to, from);
}

static void wrap(struct journal *j, const size_t n[JOURNAL_SINKS], struct slice words)
{
    for (int i = 0; i < JOURNAL_SINKS; i++)
        if (n[i] > 1) append(j, 1u << i, -1, words);
}

/* Several effects are seen together or not at all: MULTI, in front of the first SELECT, as Redis
 * does. Command by command, the feed first: the file notes where it stands in the feed. */
static void emit(struct journal *j, unsigned to)
{
    size_t n[JOURNAL_SINKS] = { 0 };
    for (size_t i = 0; i < j->ops.n; i++)
        for (int k = 0; k < JOURNAL_SINKS; k++)
            n[k] += (j->ops.at[i].to & to & 1u << k) != 0;
    if (!j->loose) wrap(j, n, SLICE("*1\r\n$5\r\nMULTI\r\n"));
    for (size_t i = 0; i < j->ops.n; i++) {
        const struct journal_op *op = &j->ops.at[i];
        append(j, op->to & to, op->db, slice_of(j->bytes.data + op->from, op->size));
    }
    if (!j->loose) wrap(j, n, SLICE("*1\r\n$4\r\nEXEC\r\n"));
}

static void close_unit(struct journal *j)
{
    if (__builtin_expect(j->ops.n == 0, 1)) return;
    emit(j, j->forgotten ? 0 : wanted(j));
    j->forgotten = false;
    vec_clear(&j->ops);
    buf_clear(&j->bytes);
    buf_shrink(&j->bytes, 64 * 1024);
}

/* ---- what a command says ---- */

static struct journal *of(const struct call *c) { return server_of(c)->journal; }

void call_replace(struct call *c, int argc, const struct slice *argv)
{
    struct journal *j = of(c);
    j->said |= SAID_REPLACED;
    if (wanted(j)) op_words(j, j->own_at++, c->client->db, wanted(j), argc, argv);
}

void call_also(struct call *c, int argc, const struct slice *argv)
{
    struct journal *j = of(c);
    if (wanted(j)) op_words(j, j->ops.n, c->client->db, wanted(j), argc, argv);
}

void call_silent(struct call *c) { of(c)->said |= SAID_SILENT; }
void call_loose(struct call *c) { of(c)->loose = of(c)->depth == 1; }
void call_force(struct call *c) { of(c)->said |= SAID_FORCED; }
void call_force_replicas(struct call *c) { of(c)->said |= SAID_FORCED_REPLICAS; }

/* ---- units ---- */

/* What a key past its deadline means to this call: the unit says it once, for all look-ups. */
static enum ks_expire expire_rule(const struct server *s, const struct client *cl)
{
    if (cl->flags & CLIENT_MASTER) return KS_EXPIRE_KEEP;
    if (!s->is_master)
        return s->config->replica_read_only ? KS_EXPIRE_HIDE : KS_EXPIRE_HIDE_READS;
    /* Paused: the data must not change, so that a hand-over loses nothing. */
    return s->front->pause_until_ms ? KS_EXPIRE_HIDE : KS_EXPIRE_DELETE;
}

void journal_begin(struct call *c)
{
    struct server *s = server_of(c);
    struct journal *j = s->journal;
    if (j->depth++ == 0) {
        j->now_ms = c->now_ms;
        j->loose = false;
        /* The master's own bytes go to the file as they came. */
        j->mute = c->client->flags & CLIENT_MASTER ? TO_FILE : 0;
    }
    j->said = 0;
    j->own_at = j->ops.n;
    c->unit = j;
    c->now_ms = j->now_ms;
    ks_begin(s->ks, j->now_ms, expire_rule(s, scripting_caller(c)));
}

/* The call's own words: as they came if that is possible, else encoded. */
static void own_words(struct call *c, struct journal *j, unsigned want)
{
    if (j->depth == 1 && j->ops.n == 0) { /* the usual: one command, one effect, no copy */
        if (c->raw.n) {
            append(j, want, c->client->db, c->raw);
            return;
        }
        resp_command(&j->bytes, c->argc, c->argv);
        append(j, want, c->client->db, buf_slice(&j->bytes));
        buf_clear(&j->bytes);
        return;
    }
    size_t from = j->bytes.len;
    if (c->raw.n)
        buf_puts(&j->bytes, c->raw);
    else
        resp_command(&j->bytes, c->argc, c->argv);
    op_put(j, j->own_at, c->client->db, want, from);
}

static void end_change(struct call *c, struct journal *j)
{
    j->s->dirty += (uint64_t)c->changed;
    if (c->changed > 0) c->client->flags |= CLIENT_WROTE;
    if (j->said & (SAID_SILENT | SAID_REPLACED)) return;
    unsigned want = wanted(j);
    if (c->changed <= 0 && !(j->said & SAID_FORCED)) want &= TO_FEED;
    if (want) own_words(c, j, want);
}

void journal_end(struct call *c)
{
    struct journal *j = server_of(c)->journal;
    must(j->depth > 0);
    if (c->changed > 0 || j->said) end_change(c, j);
    if (--j->depth == 0) close_unit(j);
    j->said = 0;
}

bool journal_idle(const struct journal *j) { return j->depth == 0; }

void journal_open(struct journal *j, int64_t now_ms)
{
    if (j->depth++ == 0) {
        j->now_ms = now_ms;
        j->loose = false;
        j->mute = 0;
    }
}

void journal_close(struct journal *j)
{
    must(j->depth > 0);
    if (--j->depth == 0) close_unit(j);
}

void journal_words(struct journal *j, int db, int argc, const struct slice *argv)
{
    if (j->depth == 0) j->mute = 0;
    if (!wanted(j)) return;
    /* Before the running call's own words: it happened before. */
    op_words(j, j->depth ? j->own_at++ : j->ops.n, db, wanted(j), argc, argv);
    if (j->depth == 0) close_unit(j);
}

void journal_del(struct journal *j, int db, struct slice key, bool lazily)
{
    struct slice words[] = { lazily ? SLICE("UNLINK") : SLICE("DEL"), key };
    journal_words(j, db, 2, words);
}
