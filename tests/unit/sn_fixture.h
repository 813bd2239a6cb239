/* sn_fixture: a Sentinel core with one group in a unit test, and a look at the actions of a step.
 *
 * Everything is driven by hand: connect what was asked for, answer what was sent. For whole stories
 * there are the scenes. Header only: each test is one file. */
#ifndef TESTS_UNIT_SN_FIXTURE_H
#define TESTS_UNIT_SN_FIXTURE_H

#include <stdio.h>

#include "sentinel/core.h"
#include "sentinel/group.h"
#include "sentinel/send.h"
#include "sentinel/state_text.h"
#include "sentinel/view.h"
#include "tests/unit/check_main.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccc"

struct fixture {
    struct sn_core *core;
    struct sn_actions acts; /* of the last step */
    int64_t now;
};

#define FX_WORDS 8
/* One line of the file, words separated by single blanks, without the word sentinel. */
static inline enum err fx_read(struct sn_core *core, const char *const *lines, size_t *bad,
                               struct errmsg *msg)
{
    struct sn_line_in in[64];
    struct slice words[64][FX_WORDS];
    size_t n = 0;
    for (; lines[n]; n++) {
        struct slice l = slice_z(lines[n]);
        size_t from = 0;
        int argc = 0;
        for (;;) {
            ptrdiff_t sp = slice_find(l, ' ', from);
            size_t end = sp < 0 ? l.n : (size_t)sp;
            words[n][argc++] = slice_of(l.p + from, end - from);
            if (sp < 0) break;
            from = end + 1;
        }
        in[n] = (struct sn_line_in){ .argv = words[n], .argc = argc };
    }
    return sn_state_read(core, in, n, bad, msg);
}

static inline void fx_step(struct fixture *f, struct sn_event ev)
{
    sn_actions_reset(&f->acts);
    ev.now_ms = f->now;
    sn_step(f->core, &ev, &f->acts);
}

static inline struct fixture fx_boot(const char *const *lines)
{
    struct fixture f = { .core = sn_core_new(7, ID_A), .now = 1000 };
    struct errmsg msg = { "" };
    size_t bad = 0;
    f.core->self.port = 26379;
    enum err e = fx_read(f.core, lines, &bad, &msg);
    ck_assert_msg(e == ERR_NONE, "line %zu: %s", bad, msg.text);
    fx_step(&f, (struct sn_event){ .kind = SN_BOOT });
    return f;
}

static inline void fx_end(struct fixture *f)
{
    sn_core_delete(f->core);
    sn_actions_free(&f->acts);
}

#define FX_GROUP "monitor mymaster 10.0.0.1 6379 2", "down-after-milliseconds mymaster 1000"

/* The n-th action of that kind, or NULL. */
static inline const struct sn_action *fx_act(const struct fixture *f, enum sn_action_kind kind,
                                             size_t n)
{
    for (size_t i = 0; i < f->acts.list.n; i++)
        if (f->acts.list.at[i].kind == kind && n-- == 0) return &f->acts.list.at[i];
    return NULL;
}

/* The first SEND whose words, joined by blanks, begin so. */
static inline const struct sn_action *fx_sent(const struct fixture *f, const char *start)
{
    for (size_t i = 0; i < f->acts.list.n; i++) {
        const struct sn_action *a = &f->acts.list.at[i];
        char text[512];
        size_t n = 0;
        if (a->kind != SN_DO_SEND) continue;
        for (int j = 0; j < a->argc && n < sizeof(text); j++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", j ? " " : "",
                                  SLICE_ARG(a->argv[j]));
        if (strncmp(text, start, strlen(start)) == 0) return a;
    }
    return NULL;
}

static inline bool fx_event(const struct fixture *f, enum sn_evt evt)
{
    for (size_t i = 0; i < f->acts.list.n; i++)
        if (f->acts.list.at[i].kind == SN_DO_EVENT && f->acts.list.at[i].evt == evt) return true;
    return false;
}

static inline void fx_up(struct fixture *f, uint32_t link, enum sn_conn conn)
{
    fx_step(f, (struct sn_event){ .kind = SN_LINK_UP, .link = link, .conn = conn,
                                  .local_ip = SLICE("10.0.0.9") });
}

static inline void fx_reply(struct fixture *f, const struct sn_action *to, enum sn_value_kind kind,
                            const char *text)
{
    struct sn_value v = { .kind = kind, .text = slice_z(text) };
    uint32_t link = to->link;
    uint64_t tag = to->tag;
    fx_step(f, (struct sn_event){ .kind = SN_REPLY, .link = link, .tag = tag, .reply = &v });
}

static inline struct sn_group *fx_group(struct fixture *f)
{
    return sn_group_find(f->core, SLICE("mymaster"));
}

/* The timer, as often as it is due up to then. */
static inline void fx_run_to(struct fixture *f, int64_t then)
{
    while (sn_deadline(f->core) <= then) {
        int64_t at = sn_deadline(f->core);
        if (at > f->now) f->now = at;
        fx_step(f, (struct sn_event){ .kind = SN_TICK });
    }
    f->now = then;
}

#endif
