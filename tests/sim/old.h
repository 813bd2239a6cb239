/* old: the inside of a simulated Sentinel of the old kind (node_old.h), shared by its files:
 * node_old.c (life, time, what comes in), old_watch.c (instances, connections, INFO),
 * old_votes.c (votes, hellos, down, failover). Owned by its node. */
#ifndef TESTS_SIM_OLD_H
#define TESTS_SIM_OLD_H

#include "core/base/buf.h"
#include "core/resp/read.h"
#include "core/resp/value.h"
#include "tests/sim/node_old.h"

#define OLD_PING_MS 1000
#define OLD_INFO_MS 10000
#define OLD_ASK_MS 1000
#define OLD_HELLO_MS 2000
#define OLD_CONNECT_MS 15000
#define OLD_RECONF_MS 10000
#define OLD_ELECTION_MS 10000
#define OLD_TILT_TRIGGER_MS 2000
#define OLD_ID 41

enum kind { MASTER, REPLICA, PEER };
enum tag { TAG_NONE, TAG_PING, TAG_INFO, TAG_HELLO, TAG_ASK };
enum state { IDLE, START, SEND, PROMOTION, RECONF };
enum reconf { NOT, SENT, INPROG, DONE };

/* One connection: ours to an instance, or a stranger's to us (`of` NULL). */
struct line {
    struct line *next;
    struct who *of;
    int end;
    bool up, pubsub;
    int64_t since;
    struct buf in;
    struct resp_reply reply;
    struct resp_request request;
    VEC(uint8_t) tags;
    size_t head;
};

struct who {
    enum kind kind;
    int group;
    char ip[20], id[OLD_ID];
    int port;
    struct line *cmd, *sub;
    int64_t tried, act_ping, last_ping, avail, info_sent, info_at, hello_sent;
    bool s_down;
    int64_t down_since, down_ended;
    bool is_master, role_known;
    int64_t role_since, conf_since;
    char master_ip[20];
    int master_port;
    bool link_up;
    int64_t link_down_ms, offset, priority;
    enum reconf reconf;
    int64_t reconf_at, asked_at;
    bool says_down;
    int64_t says_at;
    char voted[OLD_ID];
    uint64_t voted_epoch;
};

struct group {
    struct who *master, *promoted;
    uint64_t config_epoch, leader_epoch, epoch;
    char leader[OLD_ID];
    bool o_down;
    enum state state;
    int64_t started, state_since;
};

struct old {
    struct node *node;
    char id[OLD_ID];
    uint64_t current;
    struct group g[4];
    struct who *who[64];
    size_t n;
    struct line *lines;
    int64_t ticked, tilt_until;
    struct buf out;
};

static inline struct old *old_of(const struct node *n) { return n->self; }
static inline int64_t now_of(const struct old *t) { return t->node->sim->now; }
static inline const struct options *opt(const struct old *t) { return &t->node->sim->opt; }
static inline int64_t ping_ms(const struct old *t)
{
    return opt(t)->down_after < OLD_PING_MS ? opt(t)->down_after : OLD_PING_MS;
}

/* --- old_watch.c --- */
void old_clear(struct old *t, struct who *w);
struct who *old_add(struct old *t, enum kind kind, int group, const char *ip, int port);
struct who *old_find(struct old *t, enum kind kind, int group, struct slice ip, int port);
struct line *old_line_new(struct old *t, int end, struct who *of);
void old_line_end(struct old *t, struct line *l);
void old_hang_up(struct old *t, struct who *w);
void old_drop(struct old *t, size_t i);
bool old_say(struct old *t, struct who *w, enum tag tag, const char *const *words);
void old_slaveof(struct old *t, struct who *w, const char *ip, int port);
void old_info_take(struct old *t, struct who *w, struct slice text);

/* --- old_votes.c --- */
void old_asked(struct old *t, struct line *l);
void old_voted(struct old *t, struct who *p, const struct resp_value *v);
void old_names(const struct old *t, int group, const char **ip, int *port);
void old_hello_send(struct old *t, struct who *w);
void old_hello_take(struct old *t, struct slice text);
void old_look_down(struct old *t, struct who *w);
void old_look_o_down(struct old *t, int group);
void old_ask(struct old *t, int group, bool force);
void old_run(struct old *t, int group);

/* --- node_old.c --- */
void old_save(struct old *t);

#define SAY(t, w, tag, ...) old_say(t, w, tag, (const char *const[]){ __VA_ARGS__, NULL })

#endif
