"""The HTTP endpoint of keyway-shard."""

import http.client
import re
import shutil
import subprocess

import keyway_testing as kt

# Names of redis_exporter that dashboards and alerts use.
EXPECTED = """
redis_up redis_uptime_in_seconds redis_connected_clients redis_blocked_clients redis_memory_used_bytes
redis_memory_used_rss_bytes redis_memory_used_peak_bytes redis_memory_max_bytes redis_mem_fragmentation_ratio
redis_commands_processed_total redis_connections_received_total redis_rejected_connections_total redis_net_input_bytes_total
redis_net_output_bytes_total redis_keyspace_hits_total redis_keyspace_misses_total redis_expired_keys_total
redis_evicted_keys_total redis_db_keys redis_db_keys_expiring redis_db_avg_ttl_seconds redis_commands_total
redis_commands_duration_seconds_total redis_commands_rejected_calls_total redis_commands_failed_calls_total redis_errors_total
redis_instance_info redis_cluster_enabled redis_process_id redis_cpu_sys_seconds_total redis_cpu_user_seconds_total
redis_memory_used_lua_bytes redis_memory_used_vm_eval_bytes redis_memory_used_vm_functions_bytes redis_memory_used_vm_total_bytes
redis_memory_used_scripts_eval_bytes redis_memory_used_functions_bytes redis_memory_used_scripts_bytes
redis_number_of_cached_scripts redis_number_of_functions redis_number_of_libraries
redis_config_maxclients redis_master_repl_offset redis_connected_slaves process_resident_memory_bytes
redis_loading_dump_file redis_latest_fork_seconds redis_mem_not_counted_for_eviction_bytes
redis_rdb_changes_since_last_save redis_rdb_bgsave_in_progress redis_rdb_last_save_timestamp_seconds redis_rdb_last_bgsave_status
redis_rdb_last_bgsave_duration_sec redis_rdb_current_bgsave_duration_sec redis_rdb_saves_total redis_rdb_last_cow_size_bytes
redis_rdb_last_load_expired_keys redis_rdb_last_load_loaded_keys redis_aof_enabled redis_aof_rewrite_in_progress
redis_aof_rewrite_scheduled redis_aof_last_rewrite_duration_sec redis_aof_current_rewrite_duration_sec
redis_aof_last_bgrewrite_status redis_aof_rewrites_total redis_aof_last_write_status redis_aof_last_cow_size_bytes
redis_aof_current_size_bytes redis_aof_base_size_bytes redis_aof_buffer_length redis_aof_pending_bio_fsync
redis_aof_delayed_fsync
redis_second_repl_offset redis_repl_backlog_is_active redis_replication_backlog_bytes redis_repl_backlog_first_byte_offset
redis_repl_backlog_history_bytes redis_replica_resyncs_full redis_replica_partial_resync_accepted redis_replica_partial_resync_denied
redis_mem_clients_slaves redis_mem_replication_backlog_bytes redis_mem_total_replication_buffers_bytes redis_slave_expires_tracked_keys
""".split()
EXPECTED_OF_REPLICA = """
redis_master_link_up redis_master_last_io_seconds_ago redis_master_sync_in_progress redis_slave_repl_offset redis_slave_repl_read_offset
redis_slave_priority redis_slave_info
""".split()
EXPECTED_IN_CLUSTER = """
redis_cluster_state redis_cluster_slots_assigned redis_cluster_slots_ok redis_cluster_slots_pfail redis_cluster_slots_fail
redis_cluster_known_nodes redis_cluster_size redis_cluster_current_epoch redis_cluster_my_epoch
redis_cluster_messages_sent_total redis_cluster_messages_received_total
""".split()


class MetricsTest(kt.TestCase):
    def start_shard(self, **directives):
        self.http_port = kt.free_port()
        return self.start(kt.KeywayShard(http_port=self.http_port, **directives))

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def values(self):
        status, text = self.get("/metrics")
        self.assertEqual(status, 200)
        return text, dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    def names(self, text):
        return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}

    def check_with_promtool(self, text):
        promtool = shutil.which("promtool")
        if promtool is None:
            self.skipTest("promtool is not installed")
        checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        # These names are redis_exporter's.
        complaints = [line for line in (checked.stdout + checked.stderr).splitlines() if line and "_duration_sec " not in line]
        self.assertEqual(complaints, [])

    def test_while_it_loads(self):
        shard = self.start_shard()
        with shard.client() as client:
            client.pipeline([("SET", f"key:{i}", "x") for i in range(10_000)])
            client.call("SAVE")
        shard.stop()
        shard.directives["key_load_delay"] = "2000"
        shard.start(wait=False)

        def loads():
            try:
                return shard.call("PING").startswith(b"-LOADING")
            except OSError:
                return False
        kt.wait_until(loads, timeout=30, what="loading")
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertEqual(self.get("/readyz"), (503, "not ready: loading the data set\n"))
        values = self.values()[1]
        self.assertEqual(values["redis_loading_dump_file"], "1")
        self.assertGreater(float(values["keyway_loading_total_bytes"]), 0)
        self.assertNotIn("Ready to accept", shard.output().split("Server initialized")[-1])
        self.assertEqual(shard.call("CONFIG", "SET", "key-load-delay", "0"), b"+OK\r\n")
        shard.wait_ready()
        self.assertEqual(self.get("/readyz")[0], 200)
        values = self.values()[1]
        self.assertEqual(values["redis_loading_dump_file"], "0")
        self.assertEqual(values["redis_rdb_last_load_loaded_keys"], "10000")
        self.assertEqual(values['redis_db_keys{db="db0"}'], "10000")

    def test_persistence(self):
        shard = self.start_shard(enable_protected_configs="yes", save=["3600", "1"])
        with shard.client() as client:
            client.call("SET", "a", "1")
            self.assertEqual(self.values()[1]["redis_rdb_changes_since_last_save"], "1")
            client.call("CONFIG", "SET", "dbfilename", ".")
            client.call("BGSAVE")
            kt.wait_until(lambda: self.values()[1]["redis_rdb_last_bgsave_status"] == "0", what="the failure")
            client.call("CONFIG", "SET", "dbfilename", "dump.rdb")
            client.call("BGSAVE")
            kt.wait_until(lambda: self.values()[1]["redis_rdb_last_bgsave_status"] == "1", what="success")
            client.call("CONFIG", "SET", "appendonly", "yes")
            kt.wait_until(lambda: self.values()[1]["redis_aof_rewrites_total"] == "1", what="the rewrite")
            kt.wait_until(lambda: self.values()[1]["redis_aof_rewrite_in_progress"] == "0", what="its end")
            client.call("SET", "a", "2")
            values = self.values()[1]
            self.assertEqual(values["redis_aof_enabled"], "1")
            self.assertEqual(values["redis_rdb_saves_total"], "2")
            self.assertGreater(float(values["redis_aof_current_size_bytes"]), float(values["redis_aof_base_size_bytes"]) - 1)
            self.assertEqual(values["keyway_forks_total"], "3")

    def test_standalone(self):
        shard = self.start_shard()
        with shard.client() as client:
            for request in (["SET", "a", "b"], ["SET", "c", "d", "EX", "100"], ["GET", "a"], ["GET", "x"], ["nosuch"],
                            ["GET"], ["SELECT", "a"]):
                client.call(*request)
            client.call("EVAL", "return 1", "0")
            text, values = self.values()
        self.assertEqual([name for name in EXPECTED if name not in self.names(text)], [])
        self.assertEqual(values["redis_up"], "1")
        self.assertEqual(values["redis_connected_clients"], "1")
        self.assertEqual(values['redis_db_keys{db="db0"}'], "2")
        self.assertEqual(values['redis_db_keys_expiring{db="db0"}'], "1")
        self.assertEqual(values["redis_keyspace_hits_total"], "1")
        self.assertEqual(values["redis_keyspace_misses_total"], "1")
        self.assertEqual(values['redis_commands_total{cmd="set"}'], "2")
        self.assertEqual(values['redis_commands_rejected_calls_total{cmd="get"}'], "1")
        self.assertEqual(values['redis_commands_failed_calls_total{cmd="select"}'], "1")
        self.assertEqual(values['redis_errors_total{err="ERR"}'], "3")
        self.assertEqual(values["redis_cluster_enabled"], "0")
        self.assertEqual(values["redis_number_of_cached_scripts"], "1")
        self.assertGreater(float(values["redis_memory_used_lua_bytes"]), 1000)
        self.assertGreater(float(values["redis_memory_used_bytes"]), 100_000)
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertEqual(self.get("/readyz")[0], 200)
        self.check_with_promtool(text)

    def test_replication(self):
        primary = self.start_shard(repl_diskless_sync_delay="0")
        primary_http_port = self.http_port
        replica = self.start_shard(replicaof=["127.0.0.1", str(primary.port)])
        labels = f'{{master_host="127.0.0.1",master_port="{primary.port}"}}'
        kt.wait_until(lambda: self.values()[1]["redis_master_link_up" + labels] == "1", what="the link")
        text, values = self.values()
        self.assertEqual([name for name in EXPECTED + EXPECTED_OF_REPLICA if name not in self.names(text) and name != "redis_errors_total"], [])
        self.assertEqual(values["redis_master_sync_in_progress" + labels], "0")
        self.assertEqual(values["redis_slave_priority" + labels], "100")
        self.assertEqual(values[f'redis_slave_info{{master_host="127.0.0.1",master_port="{primary.port}",read_only="1"}}'], "1")
        self.assertIn('role="slave"', text)
        self.check_with_promtool(text)
        self.http_port = primary_http_port
        online = f'{{slave_ip="127.0.0.1",slave_port="{replica.port}",slave_state="online"}}'
        kt.wait_until(lambda: "redis_connected_slave_lag_seconds" + online in self.values()[1], what="the replica to be online")
        text, values = self.values()
        self.assertEqual(values["redis_connected_slaves"], "1")
        self.assertEqual(values["redis_connected_clients"], "0")
        self.assertEqual(values["redis_replica_resyncs_full"], "1")
        self.assertEqual(values["redis_repl_backlog_is_active"], "1")
        self.assertIn("redis_connected_slave_offset_bytes" + online, values)
        self.assertIn('role="master"', text)
        self.assertNotIn("redis_master_link_up", text)
        self.check_with_promtool(text)

    def test_cluster(self):
        shard = self.start_shard(cluster_enabled="yes")
        text, values = self.values()
        self.assertEqual([name for name in EXPECTED + EXPECTED_IN_CLUSTER
                          if name not in self.names(text) and name != "redis_errors_total"], [])
        self.assertEqual(values["redis_cluster_state"], "0")
        self.assertEqual(self.get("/readyz"), (503, self.get("/readyz")[1]))
        self.assertEqual(shard.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383"), b"+OK\r\n")
        kt.wait_until(lambda: self.get("/readyz")[0] == 200, what="the cluster")
        text, values = self.values()
        self.assertEqual(values["redis_cluster_state"], "1")
        self.assertEqual(values["redis_cluster_slots_assigned"], "16384")
        self.check_with_promtool(text)

    def test_busy_port(self):
        self.start_shard()
        second = self.start(kt.KeywayShard(http_port=self.http_port), wait=False)
        self.assertEqual(second.wait(), 1)
        self.assertIn(f"Failed listening on http-port: 127.0.0.1:{self.http_port}: Address already in use", second.output())


if __name__ == "__main__":
    kt.main()
