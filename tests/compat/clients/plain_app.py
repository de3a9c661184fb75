#!/usr/bin/env python3
"""What an application does with redis-py against one standalone Redis, here against HOST PORT.

Usage: plain_app.py HOST PORT
"""

import os
import sys

import redis

host, port = sys.argv[1], int(sys.argv[2])
keys = [f"py:{os.getpid()}:{i}" for i in range(100)]


def expect(actual, wanted):
    assert actual == wanted, f"got {actual!r}, wanted {wanted!r}"


def expect_error(call, text):
    try:
        call()
    except redis.ResponseError as error:
        expect(str(error), text)
    else:
        raise AssertionError(f"no error; wanted {text!r}")


def app(client):
    assert client.ping()
    with client.pipeline(transaction=False) as pipe:
        for i, key in enumerate(keys):
            pipe.set(key, i, ex=600)
        for key in keys:
            pipe.get(key)
        replies = pipe.execute()
    expect(replies[:100], [True] * 100)
    expect(replies[100:], [str(i) for i in range(100)])
    expect(client.mget(keys + ["py:none"]), [str(i) for i in range(100)] + [None])
    expect(client.exists(*keys), 100)
    assert client.mset({key: "m" for key in keys})
    expect(sorted(client.scan_iter(match=f"py:{os.getpid()}:*", count=30)), sorted(keys))
    expect(sorted(client.keys(f"py:{os.getpid()}:*")), sorted(keys))
    expect(client.set(keys[0], "x", nx=True), None)
    expect(client.getset(keys[0], "5"), "m")
    expect(client.incr(keys[0], 2), 7)
    expect(client.incrbyfloat(keys[0], 0.5), 7.5)
    expect(client.append(keys[0], "x"), 4)
    expect(client.expire(keys[0], 100), True)
    assert 90 < client.ttl(keys[0]) <= 100
    expect_error(lambda: client.incr(keys[0]), "value is not an integer or out of range")
    expect(client.type(keys[0]), "string")
    assert client.dbsize() >= 100
    assert client.info()["redis_version"] == "7.0.15"
    assert client.execute_command("COMMAND COUNT") > 50
    expect(client.delete(*keys), 100)
    expect(client.randomkey() in keys, False)


for options in ({}, {"client_name": "app", "socket_keepalive": True, "health_check_interval": 1}):
    with redis.Redis(host=host, port=port, decode_responses=True, **options) as redis_client:
        app(redis_client)
print("plain_app.py: ok")
