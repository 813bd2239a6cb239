/* sentinel: the shell round the deciding core: start, stop, and the driver that performs actions.
 *
 * One `struct sentinel` a process (or a node of a test). It owns loop, front, core, links and
 * scripts. Every outside happening becomes one sn_event through sentinel_step, which steps the
 * core, performs its actions in order and arms the timer. Steps never nest: what an action causes
 * at once (a connection that fails immediately) is queued and stepped afterwards.
 *
 * Layer sentinel, shell. Tests: e2e. The decisions: sentinel/core.h. */
#ifndef SENTINEL_SENTINEL_H
#define SENTINEL_SENTINEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/vec.h"
#include "core/front/front.h"
#include "core/front/start.h"
#include "core/net/resolve.h"
#include "sentinel/config.h"
#include "sentinel/core.h"
#include "sentinel/state_log.h"

struct sn_links;
struct sn_scripts;

struct sentinel {
    struct loop *loop;
    struct front *front;
    struct front_start *start;
    struct sentinel_config config;
    struct front_config_hooks config_hooks;
    struct conf conf;
    struct resolver *resolver;
    struct sn_core *core;
    struct sn_actions actions;
    struct sn_links *links;
    struct sn_scripts *scripts;
    struct loop_timer *due, *cron;
    int64_t armed; /* the deadline for which `due` is set */
    struct loop_hook *flush;
    struct call *asking; /* the command whose step runs: it gets the ANSWER */
    VEC(struct sn_event) queued;
    bool stepping;
    int crash_code; /* not 0: a simulated crash; nothing more is done, the loop's turn ends it */
    struct state_log state; /* what the file beside the configuration holds */
    uint64_t state_size, state_whole; /* its bytes, and those of its last compaction */
    struct loop_timer *rewrite; /* the configuration file follows a moment later */
    bool rewrite_now;           /* an administrator waits for it */
    int64_t rewrite_ms, rewrite_not_before; /* how long the last took; when the next may be */
    uint64_t unsaved;           /* the first step of this turn that is to be saved; 0: none */
    bool save_fails;            /* the last saving failed */
    bool state_in_file; /* the configuration is a regular file and takes the state */
};

int sentinel_main(struct front_start *start);

/* Steps the core with this event (now_ms is filled in) and performs what it wants. Inside a step
 * the event is queued; then it must lend nothing (link events only). */
void sentinel_step(struct sentinel *s, struct sn_event ev);
/* An event of one of the script runner: logged and published like the core's own. */
void sentinel_event(struct sentinel *s, enum sn_level level, const char *name, const char *text);

/* ---- state_file ---- */
enum err state_file_load(struct sentinel *s);
/* Adds the errors of all sentinel lines to those of `lines`; nothing is kept. */
void state_file_check(struct conf_lines *lines);
/* Appends what changed to the state file, synced: what a vote depends on. The configuration file is
 * rewritten right after, or at once when an administrator's command waits for it. */
enum err state_file_save(struct sentinel *s, struct errmsg *msg);
/* Merges the core's lines and the live directives into the configuration file, synced. */
enum err state_file_rewrite(struct sentinel *s, struct errmsg *msg);
void state_file_end(struct sentinel *s);

/* ---- commands ---- */
extern const struct command cmds_sentinel[];
static inline struct sentinel *sentinel_of(const struct call *c) { return c->app; }

#endif
