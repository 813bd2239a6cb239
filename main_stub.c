/* main_stub: stands in for a personality that is not built yet; goes with the last of them. */
#include <stdio.h>

#include "core/front/start.h"
#include "sentinel/config.h"
#include "server/config.h"

#ifdef STUB_SERVER
#include "server/server.h"
int server_main(struct front_start *start)
{
    struct server_config cfg;
    struct conf conf;
    struct front_config_hooks hooks = { 0 };
    server_config_init(&cfg, &conf, NULL, &hooks);
    bool ok = start_load(start, &conf, NULL) && start_process(start, &cfg.front, &conf);
    if (ok) start_initialized(start, &cfg.front);
    if (ok) start_end(start, &cfg.front);
    conf_free(&conf);
    return 1;
}
#endif

#ifdef STUB_SENTINEL
int sentinel_main(struct front_start *start);
int sentinel_main(struct front_start *start)
{
    struct sentinel_config cfg;
    struct conf conf;
    struct front_config_hooks hooks = { 0 };
    sentinel_config_init(&cfg, &conf, &hooks);
    bool ok = start_load(start, &conf, sentinel_config_skip) &&
              start_process(start, &cfg.front, &conf);
    if (ok) start_initialized(start, &cfg.front);
    conf_free(&conf);
    return 1;
}
#endif
