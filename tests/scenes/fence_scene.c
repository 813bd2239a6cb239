/* fence-scene: plays a story against the real fence of a master (replication/fence.h) and compares
 * what it says with the text (transcript.h): when it refuses writes and why, when it accepts them
 * again, and when it asks its replicas to acknowledge. Replicas answer at once as long as they are
 * heard. Virtual time; the driver looks as server/fencing.c does. Commands: see the table. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/num.h"
#include "replication/fence.h"
#include "tests/scenes/transcript.h"

#define WORDS_MAX 8
#define TURN_MS 5

struct story {
    struct fence fence;
    struct buf out;
    int64_t now, looked;
    enum fence_state shown;
    int replicas;
    int64_t acked;
    bool acking, asking; /* asking: said already, and nothing else since */
};

struct words {
    char *w[WORDS_MAX];
    int n;
};

static int64_t number(const struct words *ws, int i)
{
    int64_t v;
    if (i < ws->n && num_to_i64(slice_z(ws->w[i]), &v)) return v;
    fprintf(stderr, "%s: no number where one is wanted\n", ws->w[0]);
    exit(1);
}

static void say(struct story *s, const char *what, const char *more)
{
    buf_fmt(&s->out, "  %5lld %s%s\n", (long long)s->now, what, more);
}

static void show(struct story *s)
{
    if (s->fence.state == s->shown) return;
    s->shown = s->fence.state;
    s->asking = false;
    if (s->shown == FENCE_OPEN) say(s, "accepts writes", "");
    if (s->shown == FENCE_ALONE) say(s, "refuses writes: nobody is heard", "");
    if (s->shown == FENCE_OVERRULED) say(s, "refuses writes: the master is ", s->fence.other);
}

/* ---- what happens ---- */

static void count(struct story *s)
{
    if (s->acking) s->acked = s->now;
    fence_followers(&s->fence, s->replicas, s->replicas ? s->acked : -1, s->now);
}

static void look(struct story *s)
{
    count(s);
    bool asks = fence_look(&s->fence, s->now);
    s->looked = s->now;
    show(s);
    if (asks && !s->asking) say(s, "asks its replicas to acknowledge", "");
    s->asking |= asks;
}

/* run MS */
static void c_run(struct story *s, const struct words *ws)
{
    for (int64_t end = s->now + number(ws, 1); s->now < end;) {
        int64_t every = fence_closed(&s->fence) ? TURN_MS : s->fence.window / 8;
        s->now += TURN_MS;
        if (s->now - s->looked >= every) look(s);
    }
}

/* sleep MS: the process stands still */
static void c_sleep(struct story *s, const struct words *ws)
{
    s->now += number(ws, 1);
    count(s);
    fence_slept(&s->fence, s->now);
    show(s);
}

static uint64_t conn_of(const struct words *ws) { return (uint64_t)(unsigned char)ws->w[1][0]; }

/* hello NAME PORT EPOCH: a Sentinel says that the master of that epoch is at 10.0.0.1:PORT */
static void c_hello(struct story *s, const struct words *ws)
{
    char text[256], id[FENCE_ID];
    memset(id, ws->w[1][0], sizeof(id) - 1);
    id[sizeof(id) - 1] = 0;
    int epoch = (int)number(ws, 3);
    snprintf(text, sizeof(text), "10.0.1.1,26379,%s,%d,mymaster,10.0.0.1,%d,%d", id, epoch,
             (int)number(ws, 2), epoch);
    struct fence_hello h = fence_parse(slice_z(text));
    enum fence_address address = number(ws, 2) == 6379 ? FENCE_OWN_ADDRESS : FENCE_UNKNOWN_ADDRESS;
    fence_hear_hello(&s->fence, &h, address, conn_of(ws), s->now);
    show(s);
}

/* heard NAME: any other command of that Sentinel */
static void c_heard(struct story *s, const struct words *ws)
{
    fence_hear(&s->fence, conn_of(ws), s->now);
}

/* ends NAME: that Sentinel is stopped in good order */
static void c_ends(struct story *s, const struct words *ws)
{
    fence_gone(&s->fence, conn_of(ws), s->now);
}

/* replicas N [silent]: so many are online; silent ones do not acknowledge */
static void c_replicas(struct story *s, const struct words *ws)
{
    s->replicas = (int)number(ws, 1);
    s->acking = ws->n < 3;
    count(s);
}

/* leaves: a replica is stopped in good order */
static void c_leaves(struct story *s, const struct words *ws)
{
    s->replicas--;
    fence_follower_left(&s->fence, s->now);
}

/* role master|replica */
static void c_role(struct story *s, const struct words *ws)
{
    fence_role(&s->fence, strcmp(ws->w[1], "master") == 0, s->now);
    show(s);
}

static const struct {
    const char *name;
    int words;
    void (*run)(struct story *s, const struct words *ws);
} commands[] = {
    { "run", 2, c_run },     { "sleep", 2, c_sleep },       { "hello", 4, c_hello },
    { "heard", 2, c_heard }, { "ends", 2, c_ends },         { "replicas", 2, c_replicas },
    { "role", 2, c_role },   { "leaves", 1, c_leaves },
};

static void line(void *app, const char *text)
{
    char copy[TRANSCRIPT_LINE];
    struct words ws = { .n = 0 };
    text_copy(copy, sizeof(copy), text);
    for (char *save, *w = strtok_r(copy, " ", &save); w && ws.n < WORDS_MAX;
         w = strtok_r(NULL, " ", &save))
        ws.w[ws.n++] = w;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (ws.n >= commands[i].words && strcmp(commands[i].name, ws.w[0]) == 0) {
            ((struct story *)app)->asking = false;
            commands[i].run(app, &ws);
            return;
        }
    fprintf(stderr, "unknown command: %s\n", text);
    exit(1);
}

int main(int argc, char **argv)
{
    struct story s = { .now = 1000, .looked = 1000, .shown = FENCE_OPEN, .acking = true };
    fence_init(&s.fence, s.now);
    s.fence.window = 600;
    int rc = transcript_main(argc, argv, &s.out, line, &s);
    buf_free(&s.out);
    return rc;
}
