/* cmd/tracking: what CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO do on a data server: the
 * front has their rows and hands the calls over. Layer server. Tests: compat/test_tracking. */
#ifndef SERVER_CMD_TRACKING_H
#define SERVER_CMD_TRACKING_H

#include "core/front/front.h"

extern const struct front_tracking server_front_tracking;

#endif
