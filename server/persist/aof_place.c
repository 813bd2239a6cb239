/* Our place in the history of a replication set, as annotations between the commands.
 *
 *     #REPL <id> <offset> <db>     here the data is the effect of so many bytes of that history;
 *                                  the commands that follow are its next bytes
 *     #REPL -                      the place is not known from here on
 *     #FEED "<bytes>"              bytes of the stream that change nothing (PING, PUBLISH)
 *     #PAST "<bytes>"              bytes of the stream just before the place, in order
 *     #LOCAL <n>                   the next n bytes are commands that the stream does not have
 *
 * So the place is known at the end of every command, however the file ends. */
#include <stdio.h>

#include "core/base/num.h"
#include "core/front/client.h"
#include "core/front/command.h"
#include "core/front/front.h"
#include "core/front/monitor.h"
#include "core/resp/write.h"
#include "replication/replication.h"
#include "server/persist/aof_state.h"
#include "server/server.h"

#define FEED_NOTE_MAX (16 * 1024) /* beyond: not kept, a new place is said behind them */
#define FEED_LINE_MAX 200         /* bytes of a line: each may take four */
#define PAST_MIN (1024 * 1024)
#define PAST_MAX (4 * 1024 * 1024)

static void put(struct aof *a, struct slice bytes)
{
    if (a->in_unit) buf_puts(&a->unit, bytes);
    else aof_put(a, bytes);
}

bool aof_place_now(const struct aof *a, struct aof_place *out)
{
    return a->s->repl && replication_position(a->s->repl, out->replid, &out->offset, &out->db);
}

static void say_none(struct aof *a)
{
    if (a->place.said == AOF_SAID_NONE) return;
    put(a, SLICE("#REPL -\r\n"));
    a->place.said = AOF_SAID_NONE;
}

static void say(struct aof *a, const char *replid, int64_t offset, int db)
{
    struct buf line = { 0 };
    buf_fmt(&line, "#REPL %s %lld %d\r\n", replid, (long long)offset, db);
    put(a, buf_slice(&line));
    buf_free(&line);
    if (a->place.replid != replid) text_copy(a->place.replid, sizeof(a->place.replid), replid);
    a->place.said = AOF_SAID_PLACE;
    a->place.offset = offset;
}

static bool same(const struct aof *a, const struct aof_place *here)
{
    return a->place.said == AOF_SAID_PLACE &&
           memcmp(a->place.replid, here->replid, REPLID_LEN) == 0;
}

static void put_local(struct aof *a, struct slice bytes)
{
    char line[32];
    if (a->place.said == AOF_SAID_PLACE) {
        int n = snprintf(line, sizeof(line), "#LOCAL %zu\r\n", bytes.n);
        put(a, slice_of(line, (size_t)n));
    }
    put(a, bytes);
}

static void select_words(struct buf *out, int db)
{
    char text[NUM_I64_MAX];
    struct slice words[] = { SLICE("SELECT"), slice_of(text, num_from_i64(text, db)) };
    resp_command(out, 2, words);
}

/* The file's own SELECT: nobody else has it. */
static void select_db(struct aof *a, int db)
{
    if (db < 0 || a->db == db) return;
    struct buf words = { 0 };
    select_words(&words, db);
    put_local(a, buf_slice(&words));
    buf_free(&words);
    a->db = db;
}

static void put_quoted(struct aof *a, const char *name, struct slice bytes)
{
    struct buf line = { 0 };
    for (size_t at = 0; at < bytes.n;) {
        size_t n = bytes.n - at < FEED_LINE_MAX ? bytes.n - at : FEED_LINE_MAX;
        buf_putz(&line, name);
        buf_putc(&line, ' ');
        monitor_quote(&line, slice_of(bytes.p + at, n));
        buf_putz(&line, "\r\n");
        at += n;
    }
    put(a, buf_slice(&line));
    buf_free(&line);
}

static void note_feed(struct aof *a, struct slice bytes)
{
    put_quoted(a, "#FEED", bytes);
    a->place.offset += (int64_t)bytes.n;
}

static bool mentions_select(struct slice bytes)
{
    return memmem(bytes.p, bytes.n, "SELECT", 6) != NULL;
}

/* The stream went on to `upto` without us. If that was the SELECT which a command in `db` needs, it
 * is ours too. */
static void note_gap(struct aof *a, const struct aof_place *here, int64_t upto, int db)
{
    struct buf bytes = { 0 }, words = { 0 };
    size_t n = (size_t)(upto - a->place.offset);
    bool got = n <= FEED_NOTE_MAX && replication_read(a->s->repl, a->place.offset + 1, n, &bytes);
    if (got && db >= 0) select_words(&words, db);
    if (!got) {
        say(a, here->replid, upto, here->db);
    } else if (db >= 0 && slice_eq(buf_slice(&bytes), buf_slice(&words))) {
        put(a, buf_slice(&bytes));
        a->place.offset = upto;
        a->db = db;
    } else if (mentions_select(buf_slice(&bytes))) {
        say(a, here->replid, upto, here->db);
    } else {
        note_feed(a, buf_slice(&bytes));
    }
    buf_free(&bytes);
    buf_free(&words);
}

/* ---- what the journal says ---- */

void aof_place_append(struct aof *a, int db, struct slice bytes)
{
    struct aof_place here;
    if (!aof_place_now(a, &here)) {
        say_none(a);
        select_db(a, db);
        return;
    }
    bool streamed = a->s->is_master; /* on a writable replica it stays here */
    int64_t before = here.offset - (streamed ? (int64_t)bytes.n : 0);
    if (!same(a, &here) || before < a->place.offset) say(a, here.replid, before, here.db);
    else if (before > a->place.offset) note_gap(a, &here, before, db);
    select_db(a, db);
    if (streamed) {
        a->place.offset += (int64_t)bytes.n;
        return;
    }
    char line[32];
    int n = snprintf(line, sizeof(line), "#LOCAL %zu\r\n", bytes.n);
    put(a, slice_of(line, (size_t)n));
}

void aof_place_aside(struct aof *a, int db, struct slice bytes)
{
    struct buf all = { 0 };
    a->in_unit = false;
    if (db >= 0 && db != a->unit_db) select_words(&all, db);
    buf_puts(&all, bytes);
    if (a->unit_db < 0) a->unit_db = db;
    else if (db >= 0 && db != a->unit_db) select_words(&all, a->unit_db);
    put_local(a, buf_slice(&all));
    buf_free(&all);
    a->in_unit = true;
}

void aof_place_past(struct aof *a)
{
    struct aof_place here;
    struct buf bytes = { 0 };
    if (!aof_place_now(a, &here)) return;
    int64_t slowest = replication_slowest(a->s->repl);
    int64_t n = slowest < 0 ? PAST_MIN : here.offset - slowest + PAST_MIN;
    if (n > PAST_MAX) n = PAST_MAX;
    if (n > replication_held(a->s->repl)) n = replication_held(a->s->repl);
    say(a, here.replid, here.offset, here.db);
    if (replication_read(a->s->repl, here.offset - n + 1, (size_t)n, &bytes))
        put_quoted(a, "#PAST", buf_slice(&bytes));
    buf_free(&bytes);
}

void aof_place_flush(struct aof *a)
{
    struct aof_place here;
    if (a->in_unit || !aof_place_now(a, &here)) return;
    if (!same(a, &here) || here.offset < a->place.offset) say(a, here.replid, here.offset, here.db);
    else if (here.offset > a->place.offset) note_gap(a, &here, here.offset, -1);
}

/* ---- the master's stream ---- */

/* It changes nothing here: what stays in the file is only that it was there. */
static bool changes_nothing(struct aof *a, int argc, const struct slice *argv)
{
    static const char *const names[] = { "PING", "REPLCONF", "PUBLISH", "SPUBLISH" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_ieqz(argv[0], names[i])) return true;
    /* A command that we do not know we could not load either. */
    return registry_find_full(a->s->front->registry, argc, argv) == NULL;
}

static void skip_stream(struct aof *a, struct slice raw)
{
    if (a->place.said != AOF_SAID_PLACE) return;
    if (raw.n <= FEED_NOTE_MAX) note_feed(a, raw);
    else say(a, a->place.replid, a->place.offset + (int64_t)raw.n, a->s->master_client->db);
}

/* What replication kept to itself stands before the command's bytes. */
static void note_before(struct aof *a, struct slice raw)
{
    int64_t before = replication_applying(a->s->repl), gap = before - a->place.offset;
    if (a->place.said != AOF_SAID_PLACE || gap == 0) return;
    if (gap > 0 && before - gap >= replication_offset(a->s->repl))
        skip_stream(a, slice_of(raw.p - gap, (size_t)gap));
    else say(a, a->place.replid, before, a->s->master_client->db);
}

static void put_stream(struct aof *a, int argc, const struct slice *argv, struct slice raw)
{
    int64_t db;
    bool selects = argc == 2 && slice_ieqz(argv[0], "SELECT") && num_to_i64(argv[1], &db);
    if (!selects && !slice_ieqz(argv[0], "MULTI")) select_db(a, a->s->master_client->db);
    put(a, raw);
    if (a->place.said == AOF_SAID_PLACE) a->place.offset += (int64_t)raw.n;
    if (selects) a->db = (int)db;
}

static void end_unit(struct aof *a)
{
    a->in_unit = false;
    aof_put(a, buf_slice(&a->unit));
    buf_clear(&a->unit);
    buf_shrink(&a->unit, 64 * 1024);
}

void aof_stream(struct aof *a, int argc, const struct slice *argv, struct slice raw)
{
    if (a->fd < 0 || raw.n == 0) return;
    if (!a->in_unit && slice_ieqz(argv[0], "MULTI")) {
        a->in_unit = true;
        a->unit_db = a->db;
        a->unit_offset = a->place.offset;
    }
    if (a->place.said == AOF_SAID_NOTHING) say_none(a);
    note_before(a, raw);
    if (changes_nothing(a, argc, argv)) skip_stream(a, raw);
    else put_stream(a, argc, argv, raw);
    if (a->in_unit && (slice_ieqz(argv[0], "EXEC") || slice_ieqz(argv[0], "DISCARD"))) end_unit(a);
}

void aof_stream_reset(struct aof *a)
{
    if (!a->in_unit) return;
    a->in_unit = false;
    a->db = a->unit_db;
    a->place.offset = a->unit_offset;
    buf_clear(&a->unit);
}
