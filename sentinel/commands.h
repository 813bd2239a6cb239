/* commands: what the SENTINEL sub-commands run. Reads look at the const model (commands_read);
 * writes become events of the core, which answers (commands_admin). Rows: commands.c. */
#ifndef SENTINEL_COMMANDS_H
#define SENTINEL_COMMANDS_H

struct call;
struct buf;
struct sentinel;

/* reads */
void sn_cmd_masters(struct call *c);
void sn_cmd_master(struct call *c);
void sn_cmd_replicas(struct call *c);
void sn_cmd_sentinels(struct call *c);
void sn_cmd_addr_by_name(struct call *c);
void sn_cmd_myid(struct call *c);
void sn_cmd_ckquorum(struct call *c);
void sn_cmd_info_cache(struct call *c);
void sn_cmd_pending_scripts(struct call *c);
void sn_cmd_config_get(struct call *c);
void sn_cmd_help(struct call *c);
/* commands_clear.c */
void sn_cmd_explain(struct call *c);
void sn_cmd_failovers(struct call *c);

/* writes and questions that change something */
void sn_cmd_is_master_down(struct call *c);
void sn_cmd_monitor(struct call *c);
void sn_cmd_remove(struct call *c);
void sn_cmd_set(struct call *c);
void sn_cmd_reset(struct call *c);
void sn_cmd_failover(struct call *c);
void sn_cmd_forget(struct call *c);
void sn_cmd_vote(struct call *c);
void sn_cmd_hellos(struct call *c);
void sn_cmd_flushconfig(struct call *c);
void sn_cmd_config(struct call *c);
void sn_cmd_simulate(struct call *c);
void sn_cmd_debug(struct call *c);
void sn_cmd_publish(struct call *c);
void sn_cmd_role(struct call *c);
void sn_cmd_shutdown(struct call *c);
void sn_cmd_info(struct call *c); /* info.c */

/* ---- the driver's side of answers ---- */
struct sn_action;
void sn_reply_answer(struct call *c, const struct sn_action *a);

#endif
