/* SAVE, BGSAVE, LASTSAVE, SHUTDOWN: what a person says about the data's life on disk. */
#include "core/front/client.h"
#include "core/front/reply.h"
#include "server/cmd/families.h"
#include "server/config.h"
#include "server/persist/aof_rewrite.h"
#include "server/persist/snapshot.h"
#include "server/script/scripting.h"
#include "server/server.h"
#include "server/session.h"
#include "server/shutdown.h"

static void cmd_save(struct call *c)
{
    struct errmsg msg;
    struct server *s = server_of(c);
    if (snapshot_saving(s->snapshot)) {
        reply_error(c, "-ERR Background save already in progress");
        return;
    }
    if (snapshot_save_now(s->snapshot, &msg))
        reply_error(c, "-ERR");
    else
        reply_ok(c);
}

static void cmd_bgsave(struct call *c)
{
    struct server *s = server_of(c);
    struct errmsg msg;
    bool schedule = c->argc == 2 && arg_is(c, 1, "SCHEDULE");
    if (c->argc > 2 || (c->argc == 2 && !schedule)) {
        reply_syntax_error(c);
        return;
    }
    if (snapshot_saving(s->snapshot)) {
        reply_error(c, "-ERR Background save already in progress");
        return;
    }
    if (snapshot_running(s->snapshot) && !schedule) {
        reply_error(c, "-ERR Another child process is active (AOF?): can't BGSAVE right now. Use "
                       "BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.");
        return;
    }
    /* The rest of a transaction is to be in it. */
    if (snapshot_running(s->snapshot) || session_of(c->client)->in_exec) {
        snapshot_schedule(s->snapshot);
        reply_status(c, "Background saving scheduled");
        return;
    }
    if (snapshot_start(s->snapshot, SNAPSHOT_TO_FILE, NULL, &msg))
        reply_error_fmt(c, "-ERR %s", msg.text);
    else
        reply_status(c, "Background saving started");
}

static void cmd_bgrewriteaof(struct call *c)
{
    struct server *s = server_of(c);
    struct errmsg msg;
    if (aof_rewrite_running(s->aof)) {
        reply_error(c, "-ERR Background append only file rewriting already in progress");
        return;
    }
    /* The rest of a transaction is to be in it. */
    if (snapshot_running(s->snapshot) || session_of(c->client)->in_exec) {
        aof_rewrite_schedule(s->aof);
        reply_status(c, "Background append only file rewriting scheduled");
        return;
    }
    if (aof_rewrite_start(s->aof, &msg))
        reply_error(c, "-ERR Can't execute an AOF background rewriting. Please check the server "
                       "logs for more information.");
    else
        reply_status(c, "Background append only file rewriting started");
}

static void cmd_lastsave(struct call *c)
{
    reply_int(c, snapshot_figures(server_of(c)->snapshot)->last_save_s);
}

/* ---- SHUTDOWN ---- */

static bool shutdown_options(struct call *c, int *flags, bool *abort)
{
    static const struct {
        const char *word;
        int flag;
    } words[] = { { "SAVE", SHUTDOWN_SAVE }, { "NOSAVE", SHUTDOWN_NOSAVE }, { "NOW", SHUTDOWN_NOW },
                  { "FORCE", SHUTDOWN_FORCE } };
    *flags = 0;
    *abort = false;
    for (int i = 1; i < c->argc; i++) {
        bool known = arg_is(c, i, "ABORT");
        *abort |= known;
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
            if (!arg_is(c, i, words[w].word)) continue;
            *flags |= words[w].flag;
            known = true;
        }
        if (!known) return false;
    }
    if (*abort && *flags) return false;
    return !(*flags & SHUTDOWN_SAVE && *flags & SHUTDOWN_NOSAVE);
}

static void cmd_shutdown(struct call *c)
{
    struct server *s = server_of(c);
    int flags;
    bool abort;
    if (!shutdown_options(c, &flags, &abort)) {
        reply_syntax_error(c);
        return;
    }
    if (abort) {
        if (shutdown_abort(s->shutdown))
            reply_ok(c);
        else
            reply_error(c, "-ERR No shutdown in progress.");
        return;
    }
    const char *busy = scripting_busy(s->scripts);
    if (busy && !(flags & SHUTDOWN_NOSAVE)) {
        reply_error(c, busy);
        return;
    }
    if (busy) flags |= SHUTDOWN_NOW; /* who would wait for replicas stands still */
    if (shutdown_begin(s->shutdown, flags, c->client) == SHUTDOWN_FAILED)
        reply_error(c, "-ERR Errors trying to SHUTDOWN. Check logs.");
}

#define ADMIN (CMD_ADMIN | CMD_NOSCRIPT)

const struct command cmds_persist[] = {
    { "SAVE", cmd_save, .arity = 1, .flags = ADMIN | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
      .since = "1.0.0", .group = "server", .complexity = "O(N), N: keys in all databases",
      .summary = "Writes a snapshot while everybody waits.", .syntax = "" },
    { "BGSAVE", cmd_bgsave, .arity = -1, .flags = ADMIN | CMD_NO_ASYNC_LOADING, .since = "1.0.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Writes a snapshot from a child process.", .syntax = "[SCHEDULE@3.2.2]" },
    { "BGREWRITEAOF", cmd_bgrewriteaof, .arity = 1, .flags = ADMIN | CMD_NO_ASYNC_LOADING,
      .since = "1.0.0", .group = "server", .complexity = "O(1)",
      .summary = "Makes the append-only file anew from the data.", .syntax = "" },
    { "LASTSAVE", cmd_lastsave, .arity = 1, .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_ADMIN | ACL_DANGEROUS, .since = "1.0.0", .group = "server", .complexity = "O(1)",
      .summary = "Tells when a snapshot was last written, in Unix seconds.", .syntax = "" },
    { "SHUTDOWN", cmd_shutdown, .arity = -1,
      .flags = ADMIN | CMD_LOADING | CMD_STALE | CMD_NO_MULTI | CMD_SENTINEL | CMD_ALLOW_BUSY,
      .since = "1.0.0", .group = "server",
      .complexity = "O(N) when saving, N: keys in all databases",
      .summary = "Ends the server, with a snapshot where save points or SAVE ask for one.",
      .syntax = "[NOSAVE|SAVE] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]" },
    COMMANDS_END,
};
