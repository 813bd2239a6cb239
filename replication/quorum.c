#include "replication/quorum.h"

int quorum_count(const struct quorum_vote *v, int n, int64_t offset)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += v[i].online && v[i].acked >= offset;
    return count;
}

int quorum_on_disk(const struct quorum_vote *v, int n, int64_t offset)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += v[i].online && v[i].fsynced >= offset;
    return count;
}

int64_t quorum_offset(const struct quorum_vote *v, int n, int need)
{
    if (need <= 0) return INT64_MAX;
    int64_t best = -1;
    for (int i = 0; i < n; i++) {
        if (!v[i].online || v[i].acked <= best) continue;
        if (quorum_count(v, n, v[i].acked) >= need) best = v[i].acked;
    }
    return best;
}

int quorum_good(const struct quorum_vote *v, int n, int64_t now_ms, int max_lag_s)
{
    int good = 0;
    for (int i = 0; i < n; i++)
        good += v[i].online && (now_ms - v[i].acked_at_ms) / 1000 <= max_lag_s;
    return good;
}

bool quorum_allows(int good, int min_replicas, int max_lag_s)
{
    return min_replicas <= 0 || max_lag_s <= 0 || good >= min_replicas;
}
