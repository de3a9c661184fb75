#!/usr/bin/env python3
"""redis-py's RedisCluster on the shards themselves.

Usage: cluster_app.py HOST PORT
"""

import os
import sys

import redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException

host, port = sys.argv[1], int(sys.argv[2])
keys = [f"pycluster:{os.getpid()}:{i}" for i in range(200)]

with RedisCluster(host=host, port=port, decode_responses=True) as cluster:
    assert len(cluster.get_primaries()) >= 3, cluster.get_nodes()
    for i, key in enumerate(keys):
        assert cluster.set(key, i)
    assert [cluster.get(key) for key in keys] == [str(i) for i in range(200)]
    assert cluster.mget("{x}1", "{x}2") == [None, None]
    try:
        cluster.mget("a", "b")
    except (redis.RedisError, RedisClusterException):
        pass
    else:
        raise AssertionError("keys of two slots in one MGET were accepted")
    assert cluster.cluster_info(target_nodes=cluster.get_default_node())["cluster_state"] == "ok"
    assert cluster.keyslot("foo") == 12182
    assert sum(cluster.dbsize(target_nodes=RedisCluster.PRIMARIES) for _ in range(1)) >= 200
    assert cluster.delete(*keys) == 200
print("cluster_app.py: ok")
