#include "sentinel/params.h"

#define ROW(text, field, value) { text, offsetof(struct sn_params, field), value }

const struct sn_param_row sn_param_rows[SN_PARAM_ROWS] = {
    ROW("info-period", info_period, 10000),
    ROW("ping-period", ping_period, 1000),
    ROW("ask-period", ask_period, 1000),
    ROW("publish-period", publish_period, 2000),
    ROW("default-down-after", default_down_after, 30000),
    ROW("default-failover-timeout", default_failover_timeout, 180000),
    ROW("tilt-trigger", tilt_trigger, 2000),
    ROW("tilt-period", tilt_period, 30000),
    ROW("slave-reconf-timeout", slave_reconf_timeout, 10000),
    ROW("min-link-reconnect-period", min_link_reconnect_period, 15000),
    ROW("election-timeout", election_timeout, 10000),
    ROW("script-max-runtime", script_max_runtime, 60000),
    ROW("script-retry-delay", script_retry_delay, 30000),
};
