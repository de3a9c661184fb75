#!/usr/bin/env python3
"""redis-py's RedisCluster through proxies that show each other as the nodes of a cluster.

Usage: cluster_proxy_app.py HOST PORT,PORT...   where PORTs are all proxies
"""

import os
import sys

from redis.cluster import RedisCluster

host, ports = sys.argv[1], [int(port) for port in sys.argv[2].split(",")]
keys = [f"pyproxy:{os.getpid()}:{i}" for i in range(200)]

with RedisCluster(host=host, port=ports[0], decode_responses=True) as cluster:
    assert sorted(node.port for node in cluster.get_primaries()) == sorted(ports), cluster.get_nodes()
    for i, key in enumerate(keys):
        assert cluster.set(key, i)
    assert [cluster.get(key) for key in keys] == [str(i) for i in range(200)]
    with cluster.pipeline() as pipeline:
        for key in keys:
            pipeline.incr(key)
        assert pipeline.execute() == [i + 1 for i in range(200)]
    assert cluster.mget("{x}1", "{x}2") == [None, None]
    # Every proxy serves every slot, so keys of several slots are no error.
    assert cluster.mget_nonatomic(*keys[:5]) == [str(i + 1) for i in range(5)]
    assert cluster.cluster_info(target_nodes=cluster.get_default_node())["cluster_state"] == "ok"
    assert cluster.keyslot("foo") == cluster.cluster_keyslot("foo") == 12182
    assert len(cluster.cluster_nodes()) == len(ports)
    assert cluster.delete(*keys) == 200
print("cluster_proxy_app.py: ok")
