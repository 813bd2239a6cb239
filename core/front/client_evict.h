/* client_evict: maxmemory-clients: who holds most is closed when all together hold too much.
 *
 * While the limit is set, each client's memory is counted when it has sent or been sent something;
 * the sum is looked at once a turn, after replies have left. Only above the limit all clients are
 * walked, counted anew and closed from the largest on. Replicas and our master neither count nor
 * go; who said CLIENT NO-EVICT counts and stays. While there is no limit nothing is counted.
 * Layer core/front. Tests: e2e/test_client_memory. */
#ifndef CORE_FRONT_CLIENT_EVICT_H
#define CORE_FRONT_CLIENT_EVICT_H

#include "core/front/client.h"

/* What the client holds may have changed. */
void client_evict_count(struct client *cl);
/* The client is being freed. */
void client_evict_forget(struct client *cl);
/* Once a turn. */
void client_evict_run(struct front *f);

#endif
