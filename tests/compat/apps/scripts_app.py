"""Scripts and functions as redis-py runs them, on the Redis at host and port: registered scripts, alone and in
pipelines, locks (sync and asyncio), functions. Usage: scripts_app.py HOST PORT[,PORT]: what one has loaded or locked at the
first port is seen at the last one."""

import asyncio
import hashlib
import sys
import threading

import redis
import redis.asyncio
from redis.exceptions import LockError, LockNotOwnedError, NoScriptError, ResponseError

HOST, PORTS = sys.argv[1], [int(port) for port in sys.argv[2].split(",")]
connection, elsewhere = redis.Redis(HOST, PORTS[0]), redis.Redis(HOST, PORTS[-1])
connection.flushall()
connection.script_flush()


def raises(error, text, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except error as raised:
        assert text in str(raised), str(raised)
        return
    raise AssertionError(f"no {error.__name__} with {text}")


def scripts():
    multiply = connection.register_script("return redis.call('GET', KEYS[1]) * ARGV[1]")
    connection.set("a", 2)
    assert multiply(keys=["a"], args=[5]) == 10
    connection.script_flush("ASYNC")
    assert multiply(["a"], [7]) == 14  # loaded again
    with connection.pipeline() as pipeline:
        connection.script_flush()
        pipeline.set("a", 3).get("a")
        multiply(["a"], [5], client=pipeline)
        assert pipeline.execute() == [True, b"3", 15]
        assert connection.script_exists(multiply.sha) == [True]
        pipeline.watch("a")
        value = int(pipeline.get("a"))
        pipeline.multi()
        multiply(["a"], [value], client=pipeline)
        assert pipeline.execute() == [9]
    text = redis.Redis(HOST, PORTS[-1], decode_responses=True)
    assert text.eval("return {KEYS[1], ARGV[1], 'ä', 1, {ok = 'fine'}, false}", 1, "k", "ö") == ["k", "ö", "ä", 1, "fine", None]
    binary = bytes(range(256))
    assert connection.eval("return ARGV[1] .. ARGV[2]", 0, binary, b"") == binary
    body = "return #KEYS + #ARGV"
    sha = connection.script_load(body)
    assert sha == hashlib.sha1(body.encode()).hexdigest()
    assert elsewhere.evalsha(sha, 1, "k", "a", "b") == 3 and elsewhere.evalsha_ro(sha, "0", "a") == 1
    raises(NoScriptError, "No matching script", connection.evalsha, "0" * 40, 0)
    raises(ResponseError, "Error compiling script (new function): user_script:1:", connection.eval, "return (", 0)
    raises(ResponseError, "Script attempted to access nonexistent global variable 'nothing' script: ", connection.eval, "return nothing", 0)
    raises(ResponseError, "Write commands are not allowed from read-only scripts", connection.eval_ro, "return redis.call('SET', KEYS[1], 1)", 1, "a")
    raises(ResponseError, "No scripts in execution right now", connection.script_kill)

    # A token bucket, as applications write it.
    bucket = connection.register_script("""
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
        local capacity, each = tonumber(ARGV[1]), tonumber(ARGV[2])
        local tokens = math.min(capacity, (tonumber(state[1]) or capacity) + (now - (tonumber(state[2]) or now)) / each)
        local allowed = tokens >= 1
        if allowed then tokens = tokens - 1 end
        redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
        redis.call('PEXPIRE', KEYS[1], capacity * each)
        return {allowed and 1 or 0, string.format('%.2f', tokens)}""")
    answers = [bucket(["bucket"], [3, 60000]) for _ in range(5)]
    assert [answer[0] for answer in answers] == [1, 1, 1, 0, 0], answers
    documents = connection.eval("""
        local document = cjson.decode(ARGV[1])
        document.list[#document.list + 1] = #document.list
        redis.call('SET', KEYS[1], cmsgpack.pack(document))
        local back = cmsgpack.unpack(redis.call('GET', KEYS[1]))
        return {back.name, #back.list, cjson.encode(back.list), struct.unpack('>I2', ARGV[2]), bit.band(255, 15)}""",
                                1, "document", '{"name": "ä", "list": [1, 2.5, "x", {}]}', b"\x01\x02")
    assert documents == ["ä".encode(), 5, b'[1,2.5,"x",{},4]', 258, 15], documents


def locks():
    lock = connection.lock("lock", timeout=30)
    assert lock.acquire(blocking=False) and lock.locked() and lock.owned()
    other = elsewhere.lock("lock", timeout=30)
    assert not other.acquire(blocking=False) and not other.owned()
    assert lock.extend(30) and connection.pttl("lock") > 50000
    assert lock.extend(10, replace_ttl=True) and connection.pttl("lock") <= 10000
    assert lock.reacquire() and connection.pttl("lock") > 20000
    lock.release()
    assert connection.exists("lock") == 0
    raises(LockError, "Cannot release an unlocked lock", lock.release)
    assert lock.acquire()
    connection.set("lock", "somebody else's")
    raises(LockNotOwnedError, "Cannot release a lock", lock.release)
    connection.delete("lock")

    inside, entered = [], []

    def enter(client):
        for _ in range(5):
            with client.lock("section", timeout=30, sleep=0.001):
                inside.append(1)
                assert len(inside) == 1
                entered.append(client.incr("entered"))
                inside.pop()

    threads = [threading.Thread(target=enter, args=[client]) for client in (connection, elsewhere) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entered) == list(range(1, 21)), entered
    # A lock that was held for too long: somebody else has it.
    short = connection.lock("short", timeout=0.05)
    assert short.acquire()
    with elsewhere.lock("short", timeout=30, blocking_timeout=30):
        raises(LockNotOwnedError, "Cannot release a lock", short.release)


async def asynchronous():
    client = redis.asyncio.Redis(host=HOST, port=PORTS[-1])
    script = client.register_script("return {KEYS[1], ARGV[1]}")
    assert await asyncio.gather(*(script([f"k{n}"], [n]) for n in range(20))) == [[b"k%d" % n, b"%d" % n] for n in range(20)]
    async with client.lock("async", timeout=30) as lock:
        assert not await client.lock("async", timeout=30).acquire(blocking=False)
        assert await lock.extend(30)
    assert await client.exists("async") == 0
    await client.close()


def functions():
    library = """#!lua name=app
        redis.register_function('put', function(keys, args)
            redis.call('HSET', keys[1], unpack(args))
            return redis.call('HLEN', keys[1])
        end)
        redis.register_function{function_name = 'all', flags = {'no-writes'},
                                callback = function(keys) return redis.call('HGETALL', keys[1]) end}"""
    connection.function_flush()
    assert connection.function_load(library) == b"app"
    raises(ResponseError, "Library 'app' already exists", connection.function_load, library)
    assert connection.function_load(library, replace=True) == b"app"
    assert connection.fcall("put", 1, "hash", "a", 1, "b", 2) == 2
    assert elsewhere.fcall_ro("all", 1, "hash") == [b"a", b"1", b"b", b"2"]
    raises(ResponseError, "Can not execute a script with write flag using *_ro command", connection.fcall_ro, "put", 1, "hash", "c", 3)
    [listed] = connection.function_list("app*", withcode=True)
    assert listed[:4] == [b"library_name", b"app", b"engine", b"LUA"] and listed[-1] == library.encode(), listed
    dump = connection.function_dump()
    connection.function_delete("app")
    raises(ResponseError, "Function not found", elsewhere.fcall, "put", 1, "hash", "a", 1)
    assert connection.function_restore(dump) in (b"OK", True)
    raises(ResponseError, "already exists", connection.function_restore, dump)
    connection.function_restore(dump, "REPLACE")
    assert elsewhere.fcall("put", 1, "hash", "c", 3) == 3
    assert connection.function_stats()[:2] == [b"running_script", None]


scripts()
locks()
asyncio.run(asynchronous())
functions()
print("ok")
