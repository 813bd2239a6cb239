/* stub: loads a Sentinel's configuration and ends; goes when sentinel.c is in the list. */
#include "core/front/start.h"
#include "sentinel/sentinel.h"

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
