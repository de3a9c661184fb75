#!/usr/bin/env python3
"""What redis-py offers beyond plain commands, on one Redis that is reached at one port or at two (two proxies): pipelines,
transactions with WATCH, subscriptions, blocking pops, scripts by their SHA, SCAN. What one connection writes, one on the
other port sees.

Usage: features_app.py HOST PORT[,PORT]
"""

import asyncio
import sys
import threading

import redis
import redis.asyncio
from redis.exceptions import ExecAbortError, NoScriptError, ResponseError, WatchError

HOST, PORTS = sys.argv[1], [int(port) for port in sys.argv[2].split(",")]
WAIT = 30


def connect(turn, **options):
    return redis.Redis(HOST, PORTS[turn % len(PORTS)], decode_responses=True, socket_timeout=WAIT, **options)


here, there = connect(0), connect(1)
keys = [f"py:{number}" for number in range(200)]


def expect(actual, wanted):
    assert actual == wanted, f"got {actual!r}, wanted {wanted!r}"


def raises(error, text, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except error as raised:
        assert text in str(raised), str(raised)
        return
    raise AssertionError(f"no {error.__name__} with {text}")


def pipelines():
    with here.pipeline(transaction=False) as pipe:
        for number, key in enumerate(keys):
            pipe.set(key, number)
        pipe.lpush("py:list", "x").incr("py:list").mget(keys[:10])
        replies = pipe.execute(raise_on_error=False)
    expect(replies[:201], [True] * 200 + [1])
    assert isinstance(replies[201], ResponseError) and "WRONGTYPE" in str(replies[201])
    expect(replies[202], [str(number) for number in range(10)])
    expect(there.mget(keys), [str(number) for number in range(200)])


def transactions():
    with here.pipeline() as pipe:
        expect(pipe.set("{py}a", 1).incr("{py}a").rpush("{py}l", "x", "y").lrange("{py}l", 0, -1).execute(),
               [True, 2, 2, ["x", "y"]])
    # A read and a write of a key that somebody else changes in between, at the other port.
    turns = []

    def add(pipe):
        value = int(pipe.get("{py}a"))
        if len(turns) < 3:
            there.incr("{py}a")
        turns.append(value)
        pipe.multi()
        pipe.set("{py}a", value + 10)

    expect(here.transaction(add, "{py}a"), [True])
    expect((turns, here.get("{py}a")), ([2, 3, 4, 5], "15"))
    with here.pipeline() as pipe:
        pipe.watch("{py}a", "{py}b")
        there.set("{py}b", 1)
        pipe.multi()
        pipe.incr("{py}a")
        raises(WatchError, "changed", pipe.execute)
        pipe.watch("{py}a")
        there.incr("{py}a")
        pipe.unwatch()
        expect(here.get("{py}a"), "16")
        pipe.lpush("{py}a", "x").incr("{py}a")
        replies = pipe.execute(raise_on_error=False)
        assert "WRONGTYPE" in str(replies[0]), replies
        expect(replies[1], 17)
    # Requests of many connections between those of a transaction, which nobody sees half done.
    stop = threading.Event()
    seen = []

    def look():
        with connect(1) as reader:
            while not stop.is_set():
                seen.append(reader.mget("{py}x", "{py}y"))

    here.mset({"{py}x": 0, "{py}y": 0})
    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(200):
        here.pipeline().incr("{py}x").incr("{py}y").execute()
    stop.set()
    reader.join()
    assert seen and all(x == y for x, y in seen), "half a transaction was seen"
    client = connect(0, single_connection_client=True)
    expect(client.execute_command("MULTI"), "OK")
    raises(ResponseError, "unknown command", client.execute_command, "NOSUCHCOMMAND")
    expect(client.execute_command("INCR", "{py}no"), "QUEUED")
    raises(ExecAbortError, "Transaction discarded because of previous errors.", client.execute_command, "EXEC")
    expect(client.exists("{py}no"), 0)
    expect(client.execute_command("MULTI"), "OK")
    expect(client.execute_command("INCR", "{py}a"), "QUEUED")
    expect(client.execute_command("DISCARD"), "OK")
    expect(client.get("{py}a"), "17")
    raises(ResponseError, "DISCARD without MULTI", client.execute_command, "DISCARD")
    client.close()


def message(subscriber):
    for _ in range(100):
        got = subscriber.get_message(timeout=WAIT)
        if got is not None:
            return got["type"], got["pattern"], got["channel"], got["data"]
    raise AssertionError("no message")


def subscriptions():
    subscriber = there.pubsub()
    subscriber.subscribe("py:news", "py:more")
    expect([message(subscriber) for _ in range(2)], [("subscribe", None, "py:news", 1), ("subscribe", None, "py:more", 2)])
    subscriber.psubscribe("py:n*")
    expect(message(subscriber), ("psubscribe", None, "py:n*", 3))
    until_counted("py:news", 1)
    for number in range(50):
        here.publish("py:news", number)
        here.publish("py:more", number)
    # Two channels may live on different shards: only within each is there an order.
    got = [message(subscriber) for _ in range(150)]
    numbers = [str(number) for number in range(50)]
    expect([each for each in got if each[2] == "py:news"],
           [each for number in numbers for each in (("message", None, "py:news", number), ("pmessage", "py:n*", "py:news", number))])
    expect([each for each in got if each[2] == "py:more"], [("message", None, "py:more", number) for number in numbers])
    subscriber.ping("alive")
    expect(message(subscriber), ("pong", None, None, "alive"))
    subscriber.unsubscribe("py:news")
    expect(message(subscriber), ("unsubscribe", None, "py:news", 2))
    there.publish("py:news", "last")
    expect(message(subscriber), ("pmessage", "py:n*", "py:news", "last"))
    subscriber.unsubscribe()
    subscriber.punsubscribe()
    expect([message(subscriber)[0] for _ in range(2)], ["unsubscribe", "punsubscribe"])
    subscriber.close()
    expect(here.publish("py:nobody", "x"), 0)


def until_counted(channel, count):
    """Until the publisher's side knows of so many subscribers."""
    for _ in range(1000):
        if dict(here.pubsub_numsub(channel))[channel] >= count:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{channel} has {here.pubsub_numsub(channel)} subscribers")


def blocking():
    queues = [f"py:queue:{number}" for number in range(10)]
    got = []

    def consume():
        with connect(1) as client:
            while True:
                queue, element = client.blpop(queues, timeout=WAIT)
                if element == "end":
                    return
                got.append((queue, element))

    consumers = [threading.Thread(target=consume) for _ in range(3)]
    for consumer in consumers:
        consumer.start()
    sent = [(queues[number % 10], str(number)) for number in range(300)]
    for queue, element in sent:
        here.rpush(queue, element)
    while len(got) < 300:
        assert any(consumer.is_alive() for consumer in consumers)
        threading.Event().wait(0.01)
    for _ in consumers:
        here.rpush(queues[0], "end")
    for consumer in consumers:
        consumer.join(WAIT)
    expect(sorted(got), sorted(sent))
    expect(here.exists(*queues), 0)
    # In the order of the keys when several are ready.
    there.rpush(queues[7], "seven")
    there.rpush(queues[2], "two")
    expect(here.brpop([queues[5], *reversed(queues)], timeout=WAIT), (queues[7], "seven"))
    expect(here.brpop(queues, timeout=WAIT), (queues[2], "two"))
    expect(here.blpop(queues, timeout=1), None)
    timer = threading.Timer(0.05, lambda: connect(1).rpush("{py}from", "moved"))
    timer.start()
    expect(here.blmove("{py}from", "{py}to", timeout=WAIT), "moved")
    timer.join()
    timer = threading.Timer(0.05, lambda: connect(1).zadd("py:z", {"m": 2}))
    timer.start()
    expect(here.bzpopmin(["py:z:other", "py:z"], timeout=WAIT), ("py:z", "m", 2.0))
    timer.join()
    timer = threading.Timer(0.05, lambda: connect(1).xadd("py:stream", {"f": "v"}, id="5-1"))
    timer.start()
    expect(here.xread({"py:stream": "$"}, block=WAIT * 1000), [["py:stream", [("5-1", {"f": "v"})]]])
    timer.join()


def scripts():
    here.script_flush()
    sha = here.script_load("return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}")
    for number, key in enumerate(keys):
        here.set(key, number)
        expect(there.evalsha(sha, 1, key, 5), [key, number + 5])
    expect(there.script_exists(sha, "0" * 40), [True, False])
    raises(NoScriptError, "No matching script", there.evalsha, "0" * 40, 1, "k")
    registered = there.register_script("return redis.call('GET', KEYS[1])")
    expect([registered([key]) for key in keys[:20]], [str(number + 5) for number in range(20)])


def scanning():
    found = list(there.scan_iter(match="py:*[0-9]", count=7, _type="string"))
    expect(sorted(found), sorted(keys))
    here.hset("{py}hash", mapping={str(number): number for number in range(1000)})
    expect(dict(there.hscan_iter("{py}hash", count=10)), {str(number): str(number) for number in range(1000)})
    expect(there.dbsize(), here.dbsize())


async def asynchronous():
    options = {"host": HOST, "decode_responses": True}
    first = redis.asyncio.Redis(port=PORTS[0], **options)
    second = redis.asyncio.Redis(port=PORTS[-1], **options)
    expect(await asyncio.gather(*(first.set(key, key) for key in keys)), [True] * 200)
    expect(await asyncio.gather(*(second.get(key) for key in keys)), keys)
    async with second.pipeline() as pipe:
        expect(await pipe.set("{py}async", 1).incr("{py}async").execute(), [True, 2])
    waiting = asyncio.ensure_future(second.blpop(["py:async:1", "py:async:2"], timeout=WAIT))
    await first.rpush("py:async:2", "element")
    expect(await waiting, ("py:async:2", "element"))
    subscriber = second.pubsub()
    await subscriber.subscribe("py:async")
    expect((await subscriber.get_message(timeout=WAIT))["type"], "subscribe")
    for _ in range(1000):
        if await first.publish("py:async", "hello"):
            break
        await asyncio.sleep(0.01)
    expect((await subscriber.get_message(timeout=WAIT))["data"], "hello")
    await subscriber.close()
    await first.close()
    await second.close()


here.flushall()
for part in (pipelines, transactions, subscriptions, blocking, scripts, scanning):
    part()
asyncio.run(asynchronous())
here.flushall()
print("ok")
