/* params: the periods and limits of the Sentinel core that SENTINEL DEBUG can change.
 *
 * One row a parameter: name, offset, default. Values are milliseconds, all greater than zero.
 * Pure. Tests: scenes (admin). */
#ifndef SENTINEL_PARAMS_H
#define SENTINEL_PARAMS_H

#include <stddef.h>
#include <stdint.h>

struct sn_params {
    int64_t info_period, ping_period, ask_period, publish_period;
    int64_t default_down_after, default_failover_timeout;
    int64_t tilt_trigger, tilt_period;
    int64_t slave_reconf_timeout, min_link_reconnect_period, election_timeout;
    int64_t script_max_runtime, script_retry_delay; /* for the shell */
};

struct sn_param_row {
    const char *name; /* as DEBUG takes it: "info-period" */
    size_t offset;    /* of an int64_t in struct sn_params */
    int64_t def;
};
#define SN_PARAM_ROWS 13
/* In the order in which SENTINEL DEBUG prints them (there in upper case). */
extern const struct sn_param_row sn_param_rows[SN_PARAM_ROWS];

static inline int64_t *sn_param(struct sn_params *p, const struct sn_param_row *row)
{
    return (int64_t *)(void *)((char *)p + row->offset);
}

#endif
