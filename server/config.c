#include "server/config.h"

#include "core/front/start.h"
#include "server/config_rows.h"

void server_config_init(struct server_config *cfg, struct conf *conf, void *server,
                        struct front_config_hooks *hooks)
{
    *cfg = (struct server_config){ 0 };
    conf_init(conf);
    conf_add(conf, front_config_rows, front_config_rows_n, &cfg->front, hooks);
    conf_add(conf, server_config_rows, server_config_rows_n, cfg, server);
}

int server_check_config(struct front_start *s)
{
    struct server_config *cfg = mem_zalloc(sizeof(*cfg));
    struct conf conf;
    server_config_init(cfg, &conf, NULL, NULL);
    int code = start_check(s, &conf, NULL);
    conf_free(&conf);
    mem_free(cfg);
    return code;
}
