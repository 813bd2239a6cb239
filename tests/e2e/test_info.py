"""INFO: sections, and every field that exporters, clients and harnesses read."""
from lib import ORACLE, REDIS_SERVER, TANIST, Stage, ours_only, wait_for

FIELDS = {
    "server": """redis_version redis_git_sha1 redis_git_dirty redis_build_id redis_mode os arch_bits monotonic_clock
        multiplexing_api atomicvar_api gcc_version process_id process_supervised run_id tcp_port server_time_usec
        uptime_in_seconds uptime_in_days hz configured_hz lru_clock executable config_file io_threads_active""",
    "clients": """connected_clients cluster_connections maxclients client_recent_max_input_buffer
        client_recent_max_output_buffer blocked_clients tracking_clients clients_in_timeout_table""",
    "memory": """used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak
        used_memory_peak_human used_memory_peak_perc used_memory_overhead used_memory_startup used_memory_dataset
        used_memory_dataset_perc allocator_allocated allocator_active allocator_resident total_system_memory
        total_system_memory_human used_memory_lua used_memory_vm_eval used_memory_lua_human used_memory_scripts_eval
        number_of_cached_scripts number_of_functions number_of_libraries used_memory_vm_functions used_memory_vm_total
        used_memory_vm_total_human used_memory_functions used_memory_scripts used_memory_scripts_human maxmemory
        maxmemory_human maxmemory_policy allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio
        allocator_rss_bytes rss_overhead_ratio rss_overhead_bytes mem_fragmentation_ratio mem_fragmentation_bytes
        mem_not_counted_for_evict mem_replication_backlog mem_total_replication_buffers mem_clients_slaves
        mem_clients_normal mem_cluster_links mem_aof_buffer mem_allocator active_defrag_running lazyfree_pending_objects
        lazyfreed_objects""",
    "persistence": """loading async_loading current_cow_peak current_cow_size current_cow_size_age current_fork_perc
        current_save_keys_processed current_save_keys_total rdb_changes_since_last_save rdb_bgsave_in_progress
        rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec rdb_saves
        rdb_last_cow_size rdb_last_load_keys_expired rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress
        aof_rewrite_scheduled aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status
        aof_rewrites aof_rewrites_consecutive_failures aof_last_write_status aof_last_cow_size module_fork_in_progress
        module_fork_last_cow_size""",
    "stats": """total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes
        total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes instantaneous_input_kbps
        instantaneous_output_kbps instantaneous_input_repl_kbps instantaneous_output_repl_kbps rejected_connections
        sync_full sync_partial_ok sync_partial_err expired_keys expired_stale_perc expired_time_cap_reached_count
        expire_cycle_cpu_milliseconds evicted_keys evicted_clients total_eviction_exceeded_time
        current_eviction_exceeded_time keyspace_hits keyspace_misses pubsub_channels pubsub_patterns
        pubsubshard_channels latest_fork_usec total_forks migrate_cached_sockets slave_expires_tracked_keys
        active_defrag_hits active_defrag_misses active_defrag_key_hits active_defrag_key_misses
        total_active_defrag_time current_active_defrag_time tracking_total_keys tracking_total_items
        tracking_total_prefixes unexpected_error_replies total_error_replies dump_payload_sanitizations
        total_reads_processed total_writes_processed io_threaded_reads_processed io_threaded_writes_processed
        reply_buffer_shrinks reply_buffer_expands""",
    "replication": """role connected_slaves master_failover_state master_replid master_replid2 master_repl_offset
        second_repl_offset repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen""",
    "cpu": """used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread
        used_cpu_user_main_thread""",
    "cluster": "cluster_enabled",
    "modules": "",
    "errorstats": "",
}
# 7.2 and later, and what harnesses read inside their loops.
NEWER = {
    "server": "server_name tanist_version listener0",
    "clients": "pubsub_clients watching_clients total_watched_keys total_blocking_keys total_blocking_keys_on_nokey",
    "stats": """evicted_scripts acl_access_denied_auth acl_access_denied_cmd acl_access_denied_key
        acl_access_denied_channel eventloop_cycles eventloop_duration_sum eventloop_duration_cmd_sum
        instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec
        client_query_buffer_limit_disconnections client_output_buffer_limit_disconnections""",
}
REPLICA = """role master_host master_port master_link_status master_last_io_seconds_ago master_sync_in_progress
    slave_read_repl_offset slave_repl_offset slave_priority slave_read_only replica_announced connected_slaves
    master_failover_state master_replid master_replid2 master_repl_offset second_repl_offset repl_backlog_active
    repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen""".split()


def lines(c, *sections):
    return [x for x in c.text("INFO", *sections).split("\r\n") if x]


def names(c, *sections):
    return [x.split(":")[0] for x in lines(c, *sections) if not x.startswith("#")]


def test_every_field():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            c.raw("NOTHING")
            missing = {}
            for section, fields in FIELDS.items():
                want = fields.split() + ([] if ORACLE else NEWER.get(section, "").split())
                have = names(c, section)
                gone = [f for f in want if f not in have]
                if gone:
                    missing[section] = gone
                assert lines(c, section)[0].lower() == f"# {section}", section
            assert not missing, missing


def test_sections():
    default = ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats",
               "Cluster", "Keyspace"]
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            c.cmd("SET", "a", 1)
            c.cmd("SET", "b", 1, "EX", 100)
            c.raw("NOTHING")

            def headers(*args):
                return [x[2:] for x in lines(c, *args) if x.startswith("# ")]
            assert headers() == default and headers("default") == default
            whole = default[:8] + ["Commandstats", "Errorstats", "Latencystats", "Cluster", "Keyspace"]
            assert headers("all") == headers("everything") == whole, headers("all")
            assert headers("SERVER", "keyspace", "server") == ["Server", "Keyspace"]
            assert lines(c, "none") == [] and c.cmd("INFO", "none") == b""
            assert lines(c, "keyspace")[1].startswith("db0:keys=2,expires=1,avg_ttl=")
            stats = c.info("commandstats")
            assert stats["cmdstat_set"].startswith("calls=2,usec=") and stats["cmdstat_set"].endswith(
                ",rejected_calls=0,failed_calls=0")
            c.raw("SET", "a")
            c.raw("INCR", "a", "b")
            c.cmd("SET", "text", "x")
            c.raw("INCR", "text")
            stats = c.info("commandstats")
            assert stats["cmdstat_set"].endswith("rejected_calls=1,failed_calls=0"), stats
            assert stats["cmdstat_incr"].endswith("rejected_calls=1,failed_calls=1"), stats
            c.cmd("CONFIG", "GET", "x")
            assert "cmdstat_config|get" in c.info("commandstats")
            assert c.info("errorstats")["errorstat_ERR"] == "count=4"
            c.cmd("SET", "a", 1)
            assert c.info("latencystats")["latency_percentiles_usec_set"].startswith("p50=")
            text = c.cmd("INFO").decode()
            assert "\r\n\r\n# Clients\r\n" in text and text.startswith("# Server\r\n") and text.endswith("\r\n")


def test_values_make_sense():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            info = c.info()
            assert info["process_id"] == str(p.pid) and info["tcp_port"] == str(p.port)
            assert len(info["run_id"]) == 40 and len(info["master_replid"]) == 40
            assert info["role"] == "master" and info["loading"] == "0" and info["redis_mode"] == "standalone"
            assert info["multiplexing_api"] == "epoll" and info["maxmemory_policy"] == "noeviction"
            if not ORACLE:
                assert info["redis_version"] == "7.2.4" and info["server_name"] == "tanist"
            before = int(info["used_memory"])
            c.cmd("SET", "big", b"x" * (10 << 20))
            info = c.info()
            assert 9 << 20 < int(info["used_memory"]) - before < 40 << 20
            assert int(info["used_memory_peak"]) >= int(info["used_memory"]) >= int(info["used_memory_dataset"])
            assert info["used_memory_human"].endswith("M") and int(info["used_memory_rss"]) > 0
            assert info["rdb_changes_since_last_save"] == "1"
            c.cmd("GET", "big")
            c.cmd("GET", "none")
            later = c.info("stats")
            assert (later["keyspace_hits"], later["keyspace_misses"]) == ("1", "1")
            assert int(later["total_net_output_bytes"]) > 10 << 20
            assert int(later["total_net_input_bytes"]) > 10 << 20
            assert int(later["total_commands_processed"]) > int(info["total_commands_processed"])


def topology(stage, binary):
    """A master and a replica of one kind, with the link up and data through it."""
    master = stage.server("--repl-diskless-sync-delay", 0, "--min-replicas-to-write", 1, binary=binary)
    replica = stage.server("--replicaof", "127.0.0.1", master.port, binary=binary)
    wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
    wait_for("a good replica", lambda: master.info("replication").get("min_slaves_good_slaves") == "1")
    wait_for("the write", lambda: master.cmd("SET", "k", 1))
    wait_for("the stream", lambda: replica.cmd("GET", "k"))
    return master, replica


def test_replication_fields():
    with Stage() as stage:
        master, replica = topology(stage, TANIST)
        with replica.client() as c:
            have = names(c, "replication")
            assert [f for f in have if f in REPLICA] == REPLICA, have
        with master.client() as c:
            line = c.info("replication")["slave0"]
            assert [x.split("=")[0] for x in line.split(",")] == ["ip", "port", "state", "offset", "lag", "lag_ms"], line
            assert line.startswith(f"ip=127.0.0.1,port={replica.port},state=online,offset="), line
        master.kill()
        master.wait()
        with replica.client() as c:
            wait_for("the loss", lambda: c.info("replication")["master_link_status"] == "down")
            have = names(c, "replication")
            at = have.index("slave_repl_offset") + 1
            assert have[at] == "master_link_down_since_seconds", have


def assert_order(ours, theirs):
    """The reference's fields in its order; between them may stand fields of our own."""
    with ours.client() as x, theirs.client() as y:
        want = names(y, "replication")
        have = [f for f in names(x, "replication") if f in want]
        assert have == want, (have, want)


@ours_only
def test_replication_order_as_the_reference():
    with Stage() as stage:
        ours = topology(stage, TANIST)
        theirs = topology(stage, REDIS_SERVER)
        for a, b in zip(ours, theirs):
            assert_order(a, b)
        for a in (ours[0], theirs[0]):
            a.kill()
            a.wait()
        for p in (ours[1], theirs[1]):
            wait_for("the loss", lambda p=p: p.info("replication")["master_link_status"] == "down")
        assert_order(ours[1], theirs[1])


@ours_only
def test_order_as_the_reference():
    """All fields that 7.0.15 has stand in its order, section by section."""
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            for section in FIELDS:
                want = names(b, section)
                have = [f for f in names(a, section) if f in want]
                assert have == want, (section, have, want)
