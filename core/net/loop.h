/* loop: readiness, timers and hooks of one thread; hides libev. Layer core/net.
 *
 * Owns its watchers; a watcher is ended by its maker before the loop is deleted. `now` is read once
 * a turn and stays for that turn; sockets are served before the timers that are due. All callbacks
 * run in the loop's thread, none is called from inside the function that registers it. Simulated
 * bodies of this header may replace loop.c. */
#ifndef CORE_NET_LOOP_H
#define CORE_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_io;
struct loop_signal;
struct loop_hook;

struct loop *loop_new(void);
void loop_delete(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop */
void loop_stop(struct loop *l);
/* One turn without waiting: for progress inside long work (loading). */
void loop_poll(struct loop *l);
/* The same for sockets, signals and hooks only: timers that are due wait. Inside of a command that
 * takes long nothing of what they do may happen. */
void loop_poll_io(struct loop *l);

int64_t loop_now_ms(const struct loop *l); /* monotonic, this turn's */
void loop_refresh_now(struct loop *l);     /* after long work */

/* One-shot timers: armed again by the callback if wanted. */
struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
/* Arms or re-arms; ms <= 0: next turn. Never early: loop_now_ms() has grown by ms at least. */
void loop_timer_after(struct loop_timer *t, int64_t ms);
void loop_timer_cancel(struct loop_timer *t);
bool loop_timer_armed(const struct loop_timer *t);
void loop_timer_delete(struct loop_timer *t); /* also from its own callback */

#define LOOP_READ 1u
#define LOOP_WRITE 2u
struct loop_io *loop_io_new(struct loop *l, int fd, void (*fn)(void *arg, unsigned ready),
                            void *arg);
void loop_io_want(struct loop_io *io, unsigned mask); /* LOOP_READ | LOOP_WRITE, 0 pauses */
void loop_io_delete(struct loop_io *io); /* also from its own callback; does not close fd */

struct loop_signal *loop_signal_new(struct loop *l, int signo, void (*fn)(void *arg), void *arg);
void loop_signal_delete(struct loop_signal *s);

/* Called in order of `rank` (small first) each time before the loop sleeps. */
struct loop_hook *loop_before_sleep(struct loop *l, int rank, void (*fn)(void *arg), void *arg);
void loop_hook_delete(struct loop_hook *h);

/* From any thread: fn(arg) is called in the loop's thread, soon, in order. What is still waiting
 * when the loop is deleted is called by loop_delete, so that arguments can be freed. */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* The place where core/net/conn keeps what the conns of a loop share; freed with the loop. */
void *loop_shared(const struct loop *l);
void loop_set_shared(struct loop *l, void *shared, void (*free_fn)(void *shared));

/* Turns made so far, for INFO's eventloop_cycles; and time spent working, in microseconds. */
uint64_t loop_cycles(const struct loop *l);
uint64_t loop_busy_us(const struct loop *l);

#endif
