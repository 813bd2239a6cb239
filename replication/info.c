/* What INFO tells about replication, in Redis' order of fields, and figures for other sections. */
#include "replication/shell.h"

static void link_transfer(const struct replication *r, struct buf *out)
{
    const struct link *l = &r->link;
    int64_t size = l->size > 0 ? l->size : 0, read = l->received;
    if (l->state == LINK_PREPARE) size = read = 0;
    buf_fmt(out, "master_sync_total_bytes:%lld\r\n", (long long)size);
    buf_fmt(out, "master_sync_read_bytes:%lld\r\n", (long long)read);
    buf_fmt(out, "master_sync_left_bytes:%lld\r\n", (long long)(size - read));
    buf_fmt(out, "master_sync_perc:%.2f\r\n", size ? (double)read / (double)size * 100 : 0);
    buf_fmt(out, "master_sync_last_io_seconds_ago:%lld\r\n",
            (long long)((repl_now(r) - l->last_io_ms) / 1000));
}

static void link_fields(const struct replication *r, struct buf *out)
{
    const struct link *l = &r->link;
    bool up = link_is_up(l), known = l->replid[0] != '\0';
    bool syncing =
        l->state == LINK_PREPARE || l->state == LINK_SNAPSHOT || l->state == LINK_LOADING;
    int64_t now = repl_now(r);
    buf_fmt(out, "master_host:%s\r\nmaster_port:%d\r\n", l->host, l->port);
    buf_fmt(out, "master_link_status:%s\r\n", up ? "up" : "down");
    buf_fmt(out, "master_last_io_seconds_ago:%lld\r\n",
            up ? (long long)((now - l->last_io_ms) / 1000) : -1LL);
    buf_fmt(out, "master_sync_in_progress:%d\r\n", syncing);
    int64_t read = link_read_offset(l) + spool_size(&r->lrun.spool);
    buf_fmt(out, "slave_read_repl_offset:%lld\r\n", known ? (long long)read : 1LL);
    buf_fmt(out, "slave_repl_offset:%lld\r\n", known ? (long long)l->offset : 1LL);
    if (syncing) link_transfer(r, out);
    if (!up)
        buf_fmt(out, "master_link_down_since_seconds:%lld\r\n",
                l->down_since_ms >= 0 ? (long long)((now - l->down_since_ms) / 1000) : -1LL);
    if (l->last_error[0])
        buf_fmt(out,
                "master_link_last_error:%s\r\nmaster_link_last_error_kind:%s\r\n"
                "master_link_last_error_seconds_ago:%lld\r\n",
                l->last_error, l->error_kind, (long long)((now - l->last_error_ms) / 1000));
    buf_fmt(out, "master_link_errors:%llu\r\n", (unsigned long long)l->errors);
    int64_t left = guard_left_ms(&r->guard, (int64_t)r->set.amnesia_grace_s * 1000, now);
    buf_fmt(out, "replica_amnesia_guard:%s\r\nreplica_amnesia_refusals:%llu\r\n",
            !r->set.amnesia_guard ? "off" : r->guard.since_ms ? "refusing" : "on",
            (unsigned long long)r->guard.refusals);
    if (left >= 0)
        buf_fmt(out, "replica_amnesia_grace_left_seconds:%lld\r\n", (long long)(left / 1000));
    int64_t stale = replication_staleness_ms(r);
    buf_fmt(out, "replica_staleness_ms:%lld\r\n", stale == INT64_MAX ? -1LL : (long long)stale);
    buf_fmt(out, "slave_priority:%d\r\nslave_read_only:%d\r\nreplica_announced:%d\r\n",
            r->set.priority, r->set.read_only, r->set.announced);
}

static void replica_lines(const struct replication *r, struct buf *out)
{
    int i = 0;
    ilist_each(&r->replicas, node, next) {
        const struct replica *p = ilist_of(node, struct replica, node);
        if (!peer_is_replica(&p->peer)) continue;
        char ip[PEER_IP_MAX];
        replica_ip(p, ip, sizeof(ip));
        long long lag = 0;
        if (peer_online(&p->peer)) lag = (repl_now(r) - p->peer.acked_at_ms) / 1000;
        buf_fmt(out, "slave%d:ip=%s,port=%d,state=%s,offset=%lld,lag=%lld", i++, ip, p->peer.port,
                peer_state_name(&p->peer), (long long)p->peer.acked, lag);
        if (p->peer.capa & CAPA_LIVE_ACK)
            buf_fmt(out, ",lag_ms=%lld",
                    (long long)peer_lag_ms(&p->peer, feed_end(&r->feed), repl_now(r)));
        buf_putz(out, "\r\n");
    }
}

static void overflow_fields(const struct overflow *o, struct buf *out)
{
    buf_fmt(out, "repl_spool_file_bytes:%lld\r\nrepl_spool_errors:%llu\r\n", (long long)o->held,
            (unsigned long long)o->errors);
    if (o->last_error.text[0]) buf_fmt(out, "repl_spool_last_error:%s\r\n", o->last_error.text);
}

void replication_info(const struct replication *r, struct buf *out)
{
    bool master = replication_is_master(r), open = r->feed.open;
    buf_fmt(out, "role:%s\r\n", master ? "master" : "slave");
    if (!master) link_fields(r, out);
    buf_fmt(out, "connected_slaves:%d\r\n", replication_replicas(r));
    if (r->set.min_replicas > 0 && r->set.min_replicas_max_lag_s > 0)
        buf_fmt(out, "min_slaves_good_slaves:%d\r\n", replication_good_replicas(r));
    replica_lines(r, out);
    buf_fmt(out, "master_failover_state:%s\r\n", handover_state_name(&r->hand));
    buf_fmt(out, "master_replid:%s\r\n", history_id(&r->history));
    buf_fmt(out, "master_replid2:%s\r\n", history_id2(&r->history));
    buf_fmt(out, "master_repl_offset:%lld\r\n", (long long)feed_end(&r->feed));
    buf_fmt(out, "second_repl_offset:%lld\r\n", (long long)history_second_offset(&r->history));
    buf_fmt(out, "repl_backlog_active:%d\r\n", open);
    buf_fmt(out, "repl_backlog_size:%llu\r\n", (unsigned long long)r->feed.backlog_bytes);
    buf_fmt(out, "repl_backlog_first_byte_offset:%lld\r\n",
            open ? (long long)feed_first(&r->feed) : 0LL);
    buf_fmt(out, "repl_backlog_histlen:%lld\r\n", (long long)feed_held(&r->feed));
    buf_fmt(out, "repl_backlog_seconds:%lld\r\n", 
            (long long)backlog_covers_s(&r->backlog, feed_held(&r->feed)));
    overflow_fields(&r->overflow, out);
    buf_fmt(out, "repl_digest_checked:%llu\r\nrepl_digest_mismatches:%llu\r\n",
            (unsigned long long)r->digests, (unsigned long long)r->digest_differs);
    if (r->differs_at[0]) buf_fmt(out, "repl_digest_last_mismatch:%s\r\n", r->differs_at);
}

struct repl_stats replication_stats(const struct replication *r) { return r->stats; }
void replication_reset_stats(struct replication *r) { r->stats = (struct repl_stats){ 0 }; }
size_t replication_mem(const struct replication *r) { return feed_mem(&r->feed); }
size_t replication_backlog_mem(const struct replication *r) { return feed_backlog_mem(&r->feed); }
