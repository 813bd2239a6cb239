/* world: what stands around the one Sentinel of a scene: servers, other Sentinels, a network.
 *
 * Servers answer PING, INFO, ROLE and obey SLAVEOF; the other Sentinels are puppets that answer
 * what the scene tells them to, and each hello with one of their own, adopting what is newer.
 * Everything takes DELAY_MS each way. Virtual time only; no clock, no sockets. Owned by the scene.
 * Tests: the scenes themselves. */
#ifndef TESTS_SCENES_WORLD_H
#define TESTS_SCENES_WORLD_H

#include "core/base/buf.h"
#include "sentinel/core.h"

#define DELAY_MS 1
#define HOSTS_MAX 16

struct host {
    int port; /* also its name in the scene */
    char ip[SN_IP_MAX];
    bool alive, frozen;
    char runid[SN_ID_LEN + 1];
    /* servers */
    bool slave, synced, link_up;
    int master_port;
    int64_t offset, link_down_since, sync_ms;
    int priority;
    char history[2]; /* letters of the replication ids, now and before; 0: not told */
    int64_t keys;    /* told when the history is */
    enum { HANDS_OVER, REFUSES, HANGS } hand_over; /* what FAILOVER does */
    bool deaf; /* says OK to SLAVEOF and stays what it is */
    /* puppets */
    char name; /* 0: a server */
    bool says_down;
    char votes; /* name of the one it votes for; '-': nobody; '?': as it is asked first */
    uint64_t voted_epoch;
    char voted[SN_ID_LEN + 1];
    uint64_t epoch, config_epoch; /* what its hellos say */
    int says_master;
    bool multi;
    char queued[64];
};

struct delivery {
    int64_t at;
    uint64_t seq;
    enum sn_event_kind kind;
    uint32_t link;
    enum sn_conn conn;
    uint64_t tag;
    struct str text;          /* REPLY: in short: "+PONG", "-ERR", "*v", "Mtext" a message */
    int64_t integer, epoch;   /* vote answers */
};

struct conn {
    uint32_t link;
    enum sn_conn conn;
    struct host *host;
    bool open;
};

struct world {
    int64_t now;
    uint64_t seq;
    struct host hosts[HOSTS_MAX];
    size_t hosts_n;
    VEC(struct conn) conns;
    VEC(struct delivery) queue;
};

void world_free(struct world *w);
struct host *world_host(struct world *w, int port);
struct host *world_puppet(struct world *w, char name);
struct host *world_add(struct world *w, const char *ip, int port);
void world_id(char name, char *out); /* 40 times that character */

void world_connect(struct world *w, const struct sn_action *a);
void world_disconnect(struct world *w, uint32_t link, enum sn_conn conn);
void world_send(struct world *w, const struct sn_action *a);
/* The hello of a puppet, as it stands; the caller frees it. */
struct str world_hello(struct world *w, const struct host *h, int port);
const struct host *world_peer_of(const struct world *w, uint32_t link, enum sn_conn conn);
/* A message on the hello channel of that server. */
void world_says(struct world *w, const struct host *h, const char *text);
void world_kill(struct world *w, struct host *h);
/* All connections of the Sentinel end without a word: it was restarted. */
void world_forget(struct world *w);
/* Resumes what a frozen host had not answered. */
void world_thaw(struct world *w, struct host *h);

/* The next delivery's time, INT64_MAX when none. */
int64_t world_next(const struct world *w);
/* Takes the next delivery; false when its connection is gone. The caller frees d->text. */
bool world_take(struct world *w, struct delivery *d);

#endif
