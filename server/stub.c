/* stub: a data server that starts, waits for a signal and ends; goes when server.c is in the list. */
#include <signal.h>

#include "core/front/start.h"
#include "core/net/loop.h"
#include "server/config.h"
#include "server/server.h"

static void on_signal(void *arg, int signo) { loop_stop(arg); }

static void run(struct front_start *start, const struct front_config *cfg)
{
    struct loop *loop = loop_new();
    struct start_signals *signals = start_signals(loop, on_signal, loop);
    start_initialized(start, cfg);
    start_ready(start, cfg, NULL);
    loop_run(loop);
    start_stopping(start);
    start_end(start, cfg);
    start_signals_delete(signals);
    loop_delete(loop);
}

int server_main(struct front_start *start)
{
    struct server_config cfg;
    struct conf conf;
    struct front_config_hooks hooks = { 0 };
    server_config_init(&cfg, &conf, NULL, &hooks);
    bool ok = start_load(start, &conf, NULL) && start_process(start, &cfg.front, &conf);
    if (ok) run(start, &cfg.front);
    conf_free(&conf);
    return ok ? 0 : 1;
}
