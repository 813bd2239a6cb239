#include "replication/link_steps.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/num.h"
#include "core/resp/write.h"

void link_note(struct link_actions *out, enum note_level level, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct link_action a = { .kind = LINK_NOTE, .level = level, .own = str_z(text) };
    a.bytes = str_slice(a.own);
    vec_push(&out->list, a);
}

void link_blame(struct link *l, const char *kind, const char *fmt, ...)
{
    l->error_kind = kind;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->last_error, sizeof(l->last_error), fmt, ap);
    va_end(ap);
}

#define words(out, ...)                                                                            \
    resp_command((out), (int)(sizeof((struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice)),     \
                 (const struct slice[]){ __VA_ARGS__ })

/* ---- PING: is there a server that talks to us at all? ---- */

static void send_ping(struct link *l, struct buf *out) { words(out, SLICE("PING")); }

static enum link_verdict answer_ping(struct link *l, struct slice line, struct link_actions *out)
{
    if (line.n == 0) return LINK_AGAIN;
    if (line.p[0] == '+' || slice_starts(line, "-NOAUTH") || slice_starts(line, "-NOPERM") ||
        slice_starts(line, "-ERR operation not permitted")) {
        link_note(out, NOTE_NOTICE, "Master replied to PING, replication can continue...");
        return LINK_NEXT;
    }
    link_blame(l, slice_starts(line, "-LOADING") ? "loading" : "refused by master",
               "Error reply to PING from master: '%.*s'", SLICE_ARG(line));
    link_note(out, NOTE_WARNING, "%s", l->last_error);
    return LINK_GIVE_UP;
}

/* ---- AUTH and REPLCONF: who we are and what we can ---- */

static bool wants_auth(const struct link *l) { return l->set.password.n > 0; }

static void send_auth(struct link *l, struct buf *out)
{
    if (l->set.user[0]) words(out, SLICE("AUTH"), slice_z(l->set.user), l->set.password);
    else words(out, SLICE("AUTH"), l->set.password);
}

static enum link_verdict answer_auth(struct link *l, struct slice line, struct link_actions *out)
{
    if (line.n == 0) return LINK_AGAIN;
    if (line.p[0] != '-') return LINK_NEXT;
    link_blame(l, "auth", "Unable to AUTH to MASTER: %.*s", SLICE_ARG(line));
    link_note(out, NOTE_WARNING, "%s", l->last_error);
    return LINK_GIVE_UP;
}

static void send_port(struct link *l, struct buf *out)
{
    char port[NUM_I64_MAX];
    size_t n = num_from_i64(port, l->set.listening_port);
    words(out, SLICE("REPLCONF"), SLICE("listening-port"), slice_of(port, n));
}

static bool wants_ip(const struct link *l) { return l->set.announce_ip[0] != '\0'; }

static void send_ip(struct link *l, struct buf *out)
{
    words(out, SLICE("REPLCONF"), SLICE("ip-address"), slice_z(l->set.announce_ip));
}

struct capa_words {
    struct slice at[10];
    int n;
};

static void add_capa(void *arg, struct slice name)
{
    struct capa_words *w = arg;
    w->at[w->n++] = SLICE("capa");
    w->at[w->n++] = name;
}

static void write_capa(unsigned capa, struct buf *out)
{
    struct capa_words w = { { SLICE("REPLCONF") }, 1 };
    capa_each(capa, add_capa, &w);
    resp_command(out, w.n, w.at);
}

static void send_capa(struct link *l, struct buf *out) { write_capa(CAPA_EOF | CAPA_PSYNC2, out); }

/* By themselves: who is not authenticated yet may send ten words at most. */
static bool wants_beyond(const struct link *l) { return l->set.capa != 0; }
static void send_beyond(struct link *l, struct buf *out) { write_capa(l->set.capa, out); }

/* An old master may know none of these; it does without. */
static enum link_verdict answer_conf(struct link *l, struct slice line, struct link_actions *out)
{
    if (line.n == 0) return LINK_AGAIN;
    if (slice_starts(line, "-NOAUTH")) {
        link_blame(l, "auth", "Master asks for a password (masterauth): %.*s", SLICE_ARG(line));
        link_note(out, NOTE_WARNING, "%s", l->last_error);
        return LINK_GIVE_UP;
    }
    if (line.p[0] == '-')
        link_note(out, NOTE_NOTICE, "(Non critical) Master does not understand %s: %.*s",
                  link_rows[l->step].name, SLICE_ARG(line));
    return LINK_NEXT;
}

/* ---- PSYNC: continue, or everything ---- */

static void send_hand(struct link *l, struct slice from, struct buf *out)
{
    char needs[NUM_I64_MAX];
    struct slice argv[] = { SLICE("PSYNC"), slice_z(l->replid), from, SLICE("FAILOVER"),
                            slice_of(needs, num_from_i64(needs, l->hand_needs)) };
    l->hand_sent++;
    resp_command(out, l->hand_needs < 0 ? 4 : 5, argv);
}

static void send_psync(struct link *l, struct buf *out)
{
    if (l->replid[0] == '\0') {
        words(out, SLICE("PSYNC"), SLICE("?"), SLICE("-1"));
        return;
    }
    char want[NUM_I64_MAX];
    size_t n = num_from_i64(want, l->offset + 1);
    if (l->hand == LINK_HAND_ASKS) send_hand(l, slice_of(want, n), out);
    else words(out, SLICE("PSYNC"), slice_z(l->replid), slice_of(want, n));
}

/* What the answer says about a handover. True: it took over earlier, and its answer was lost: ask
 * again as an ordinary replica. */
static bool handed_before(struct link *l, struct slice line)
{
    if (l->hand != LINK_HAND_ASKS) return false;
    bool before = l->hand_sent > 1 &&
                  slice_starts(line, "-ERR PSYNC FAILOVER can't be sent to a master");
    bool took = before || slice_starts(line, "+FULLRESYNC") || slice_starts(line, "+CONTINUE");
    l->hand = took ? LINK_HAND_DONE : LINK_HAND_REFUSED;
    return before;
}

static struct slice next_word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    ptrdiff_t gap = slice_find(*rest, ' ', 0);
    struct slice word = slice_of(rest->p, gap < 0 ? rest->n : (size_t)gap);
    *rest = slice_of(rest->p + word.n, rest->n - word.n);
    return word;
}

/* "+FULLRESYNC <replid> <offset> [capabilities]". A malformed id is kept as "none": nobody
 * continues from it. */
static enum link_verdict answer_full(struct link *l, struct slice line, struct link_actions *out)
{
    struct slice rest = slice_of(line.p + 11, line.n - 11);
    struct slice id = next_word(&rest), offset = next_word(&rest);
    l->shared = l->set.capa & capa_list_read(next_word(&rest));
    if (!l->replid[0])
        link_note(out, NOTE_NOTICE, "Partial resynchronization not possible (no cached master)");
    else /* nothing failed, but it costs, and somebody may want to know why */
        link_blame(l, "no history", "Master can not continue history %s at %lld: full resync",
                   l->replid, (long long)l->offset + 1);
    if (replid_read(id, l->new_replid) && num_to_i64(offset, &l->new_offset) &&
        l->new_offset >= 0) {
        link_note(out, NOTE_NOTICE, "Full resync from master: %s:%lld", l->new_replid,
                  (long long)l->new_offset);
        return LINK_FULL;
    }
    l->new_replid[0] = '\0';
    l->new_offset = 0;
    link_note(out, NOTE_WARNING, "Master replied with wrong +FULLRESYNC syntax.");
    return LINK_FULL;
}

static enum link_verdict answer_continue(struct link *l, struct slice line,
                                         struct link_actions *out)
{
    if (l->replid[0] == '\0') {
        link_blame(l, "protocol",
                   "Master granted a partial resynchronization that was not asked for");
        link_note(out, NOTE_WARNING, "%s", l->last_error);
        return LINK_GIVE_UP;
    }
    l->new_replid[0] = '\0';
    struct slice rest = slice_of(line.p + 9, line.n - 9);
    struct slice id = next_word(&rest);
    l->shared = l->set.capa & capa_list_read(next_word(&rest));
    link_note(out, NOTE_NOTICE, "Successful partial resynchronization with master.");
    if (replid_read(id, l->new_replid) && strcmp(l->new_replid, l->replid) != 0)
        link_note(out, NOTE_NOTICE, "Master replication ID changed to %s", l->new_replid);
    return LINK_CONTINUE;
}

static enum link_verdict answer_psync(struct link *l, struct slice line, struct link_actions *out)
{
    if (line.n == 0) return LINK_AGAIN;
    if (handed_before(l, line)) return LINK_GIVE_UP;
    if (slice_starts(line, "+FULLRESYNC")) return answer_full(l, line, out);
    if (slice_starts(line, "+CONTINUE")) return answer_continue(l, line, out);
    if (slice_starts(line, "-NOMASTERLINK") || slice_starts(line, "-LOADING")) {
        link_blame(l, slice_starts(line, "-LOADING") ? "loading" : "no master link",
                   "Master is currently unable to PSYNC but should be in the future: %.*s",
                   SLICE_ARG(line));
        link_note(out, NOTE_NOTICE, "%s", l->last_error);
        return LINK_GIVE_UP;
    }
    if (!slice_starts(line, "-ERR")) { /* no old master: it can, and does not want to now */
        link_blame(l, slice_starts(line, "-NO") ? "auth" : "refused by master",
                   "Unexpected reply to PSYNC from master: %.*s", SLICE_ARG(line));
        link_note(out, NOTE_WARNING, "%s", l->last_error);
        return LINK_GIVE_UP;
    }
    link_note(out, NOTE_NOTICE, "Master does not support PSYNC or is in error state (reply: %.*s)",
              SLICE_ARG(line));
    link_note(out, NOTE_NOTICE, "Retrying with SYNC...");
    return LINK_OLD_WAY;
}

/* SYNC has no answer line: the snapshot follows. Position unknown, then and later. */
static void send_sync(struct link *l, struct buf *out) { buf_putz(out, "SYNC\r\n"); }

enum { TALK, WHO, ASK, OLD };

const struct link_row link_rows[] = {
    { "PING", TALK, NULL, send_ping, answer_ping },
    { "AUTH", WHO, wants_auth, send_auth, answer_auth },
    { "REPLCONF listening-port", WHO, NULL, send_port, answer_conf },
    { "REPLCONF ip-address", WHO, wants_ip, send_ip, answer_conf },
    { "REPLCONF capa", WHO, NULL, send_capa, answer_conf },
    { "REPLCONF capa", WHO, wants_beyond, send_beyond, answer_conf },
    { "PSYNC", ASK, NULL, send_psync, answer_psync },
    { "SYNC", OLD, NULL, send_sync, NULL },
};
const int link_rows_n = (int)(sizeof(link_rows) / sizeof(link_rows[0]));
const int link_row_sync = 7;
