/* Defaults: values are read where they are used. What needs more is filled in by its module. */
#include "server/config_apply.h"

#include "core/front/config.h"

enum err server_apply_save(void *server, struct errmsg *m) { return ERR_NONE; }
enum err server_apply_appendonly(void *server, struct errmsg *m) { return ERR_NONE; }
enum err server_apply_memory(void *server, struct errmsg *m) { return ERR_NONE; }
enum err server_apply_replication(void *server, struct errmsg *m) { return ERR_NONE; }
enum err server_apply_backlog(void *server, struct errmsg *m) { return ERR_NONE; }
enum err server_apply_types(void *server, struct errmsg *m) { return ERR_NONE; }
enum err server_apply_notify(void *server, struct errmsg *m) { return ERR_NONE; }

void server_hooks(struct front_config_hooks *hooks, void *server)
{
    *hooks = (struct front_config_hooks){ .owner = server };
}
