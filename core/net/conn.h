/* conn: one non-blocking stream connection with an in and an out buffer. Layer core/net.
 *
 * Owns the descriptor and both buffers; a conn without waiting bytes holds neither (bytes are read
 * into a buffer that all conns of a loop share and that is lent to conn_in during on_data).
 * What is put into conn_out leaves once, at conn_flush_all, which the personality calls from a
 * before-sleep hook (replies collect, then leave by one write).
 * A conn reports its end once, by on_close, and is freed after that callback returns; the owner
 * that wants to end it calls conn_close (no callback; allowed in any callback) or
 * conn_close_after_output. No conn_ function calls back: ends found by a write are reported next
 * turn. All conns are closed before their loop is deleted.
 *
 * held: the last `held` bytes of the out buffer may not leave yet (replies that wait for
 * acknowledgement or for an fsync); the owner lowers it, then wakes or flushes.
 * Tests: unit/net. */
#ifndef CORE_NET_CONN_H
#define CORE_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/buf.h"
#include "core/net/loop.h"

#define CONN_ADDR_MAX 128 /* "ip:port", "[v6]:port" or "path:0", terminated */
#define CONN_READ_MIN (16 * 1024)
#define CONN_READ_MAX (1024 * 1024) /* one turn takes no more from one conn */

struct conn;

struct conn_ops {
    void (*on_data)(struct conn *c);    /* bytes were added to conn_in; consume what is whole */
    void (*on_drained)(struct conn *c); /* the out buffer became empty and conn_want_drain is set */
    /* end of file, error or time-out; then freed */
    void (*on_close)(struct conn *c, const char *why);
    void (*on_connected)(struct conn *c); /* outgoing only */
};

/* The ways to get one. `arg` is the owner's, conn_arg gives it back. Nagle's delay is off. */
struct conn *conn_accepted(struct loop *l, int fd, const struct conn_ops *ops, void *arg);
struct conn_target {
    const char *ip; /* numeric address, or a path for a unix socket (port 0) */
    int port;
    const char *source_ip; /* NULL: any */
    int64_t timeout_ms;    /* for connecting; on_close("timeout") then */
};
/* NULL when it fails at once; *why then says why (static text). */
struct conn *conn_connect(struct loop *l, const struct conn_target *t, const struct conn_ops *ops,
                          void *arg, const char **why);

void *conn_arg(const struct conn *c);
/* Hands it over to another owner. */
void conn_set_owner(struct conn *c, const struct conn_ops *ops, void *arg);
int conn_fd(const struct conn *c);
struct loop *conn_loop(const struct conn *c);
struct buf *conn_in(struct conn *c); /* outside on_data: what on_data has left */
/* At least n more bytes will come before on_data can do anything: sizes the next reads. */
void conn_expect(struct conn *c, size_t n);
struct buf *conn_out(struct conn *c); /* after appending call conn_wake_out (cheap) */
void conn_wake_out(struct conn *c);   /* puts it on the list of those to flush */
size_t conn_out_size(const struct conn *c); /* bytes that have not left, without lending a buffer */
size_t conn_out_room(const struct conn *c); /* what the out buffer holds, used or not */
size_t conn_mem(const struct conn *c);      /* what it holds, both buffers included */
void conn_set_held(struct conn *c, size_t held);
/* on_drained is called each time the out buffer is empty and the socket takes bytes, until unset:
 * for owners that produce output from elsewhere (a file, the feed). */
void conn_want_drain(struct conn *c, bool on);
/* Writes directly, past the out buffer, which must be empty; returns bytes taken (0: full now),
 * -1: it ended (on_close follows). */
ssize_t conn_write_now(struct conn *c, const void *p, size_t n);
void conn_flush(struct conn *c); /* now */
/* Flushes every conn of the loop that was woken since. What is woken later in the same turn leaves
 * in the next one, which then comes at once. */
void conn_flush_all(struct loop *l);
/* While on, nothing that waits in an out buffer leaves from any conn of the loop; what was woken
 * meanwhile leaves at the first conn_flush_all after. */
void conn_hold_all(struct loop *l, bool on);
/* Stop or go on reading (blocked or paused clients, slow consumers). Bytes that are in conn_in
 * already are not offered by going on: conn_again does that. */
void conn_pause_read(struct conn *c, bool paused);
/* Bytes waiting that on_data has left in conn_in are offered again next turn. */
void conn_again(struct conn *c);
/* In use: it is neither read nor ended by a turn of the loop inside a callback; gives what was. */
bool conn_guard(struct conn *c, bool on);
void conn_close(struct conn *c);              /* at once, no callback; the conn is gone */
void conn_close_after_output(struct conn *c); /* reads no more; on_close comes when all has left */

/* Addresses as "ip:port"; CONN_ADDR_MAX bytes. */
const char *conn_peer_addr(const struct conn *c);
const char *conn_local_addr(const struct conn *c);
void conn_peer_ip(const struct conn *c, char *out, size_t cap);  /* without port */
void conn_local_ip(const struct conn *c, char *out, size_t cap);
bool conn_is_loopback(const struct conn *c); /* peer is 127/8, ::1 or a unix socket */
bool conn_is_unix(const struct conn *c);
void conn_set_nodelay(struct conn *c, bool on);
void conn_set_keepalive(struct conn *c, int seconds); /* 0: off */

/* Counters of a loop's conns: bytes read and written. */
struct conn_totals {
    uint64_t in_bytes, out_bytes, reads, writes;
};
struct conn_totals *conn_totals_of(struct loop *l);

#endif
