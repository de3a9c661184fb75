"""A long session through the proxy in front of three shards, against the same session on one redis-server: every
reply byte for byte, RESP2 and RESP3, one request at a time, pipelined, in odd pieces, and inline."""

import random
import re

import keyway_testing as kt
import proxied_cluster

# One request a line. Arguments with blanks are quoted as redis-cli does. After '#': a comment.
SCRIPT = r"""
# Strings over several slots.
SET a 1
SET b 2 EX 1000
SET c x KEEPTTL
SET a 2 NX
SET a 3 XX GET
SET a 4 NX GET
SET nope 4 XX
SET a 1 BAD
SET a 1 EX 0
SET a 1 EX abc
SET
GET
GET a b
GET a
GET missing
GETRANGE a 0 -1
SETRANGE r 5 hello
GET r
SETRANGE r -1 x
APPEND a tail
STRLEN a
STRLEN missing
INCR n
INCRBY n 10
DECR n
DECRBY n 3
INCR a
INCRBYFLOAT n 1.5
INCRBYFLOAT n abc
GETSET g 1
GETSET g 2
GETDEL g
GETDEL g
GETEX b PERSIST
TTL b
SETEX e 100 v
SETEX e 0 v
PSETEX e 100000 v
SETNX e z
SETNX f z
LCS {t}x {t}y
MSET {t}x ohmytext {t}y mynewtext
LCS {t}x {t}y
LCS {t}x {t}y LEN
LCS {t}x {t}y IDX
SUBSTR a 0 1
# Several slots at once.
MSET k1 v1 k2 v2 k3 v3 k4 v4 k5 v5
MGET k1 k2 k3 missing k4 k5 k1
MSET k1 v1 k2
MSET k1
MSET
MGET
MSET k1 first k1 second
GET k1
EXISTS k1 k2 k3 missing k1
EXISTS
TOUCH k1 k2 missing
DEL k1 k2 missing k1
UNLINK k3 k4 missing
DEL
MGET k1 k2 k3 k4 k5
MSETNX {m}1 a {m}2 b
MSETNX {m}2 a {m}3 b
MSETNX {m}2
MSETNX {m}2 a {m}3
MSETNX x
DBSIZE
KEYS nothing*
KEYS
KEYS a b
DBSIZE x
# Keys in general.
TYPE a
TYPE missing
RENAME {t}x {t}z
RENAME {t}x {t}z
RENAMENX {t}y {t}z
COPY {t}y {t}w
COPY {t}y {t}w REPLACE
EXPIRE a 100
EXPIRE a 100 NX
EXPIRE a 200 GT
EXPIRE a 10 XX LT
EXPIRE a abc
EXPIRE missing 10
PEXPIRE a 100000
EXPIREAT a 99999999999
EXPIRETIME a
PEXPIRETIME a
PEXPIREAT a 99999999999000
TTL missing
PTTL missing
PERSIST a
PERSIST a
OBJECT ENCODING a
OBJECT ENCODING missing
OBJECT REFCOUNT a
OBJECT HELP
OBJECT FOO
DUMP a
RESTORE copy 0 junk
# Lists, hashes, sets, sorted sets, streams: routed like any key.
RPUSH l 1 2 3
LPUSH l 0
LRANGE l 0 -1
LPOP l
LPOP l 2
LPOS l 3
LINSERT l BEFORE 3 x
LLEN l
LSET l 0 y
LSET l 100 y
LREM l 0 y
LTRIM l 0 0
LMOVE {q}1 {q}2 LEFT RIGHT
RPUSH {q}1 a b
LMOVE {q}1 {q}2 LEFT RIGHT
LMPOP 2 {q}1 {q}2 LEFT COUNT 2
LMPOP 0 x LEFT
LMPOP abc x LEFT
RPOPLPUSH {q}1 {q}2
GET l
HSET h f v g w
HGETALL h
HGET h f
HMGET h f nope
HINCRBY h n 5
HINCRBYFLOAT h n 0.5
HKEYS h
HVALS h
HEXISTS h f
HLEN h
HSCAN h 0
HRANDFIELD h 0
HSTRLEN h f
HDEL h f g n
SADD s 1 2 3
SCARD s
SISMEMBER s 2
SMISMEMBER s 2 9
SMEMBERS s
SSCAN s 0
SADD {s}1 a
SADD {s}2 a b
SINTER {s}1 {s}2
SINTERCARD 2 {s}1 {s}2
SUNIONSTORE {s}3 {s}1 {s}2
SDIFF {s}2 {s}1
SMOVE {s}2 {s}1 b
SREM s 1
ZADD z 1 a 2.5 b inf c
ZRANGE z 0 -1 WITHSCORES
ZSCORE z b
ZMSCORE z a nope
ZINCRBY z 0.1 a
ZRANGEBYSCORE z -inf +inf LIMIT 0 2
ZRANK z c
ZCOUNT z 1 2
ZLEXCOUNT z - +
ZPOPMIN z
ZREVRANGE z 0 -1 WITHSCORES
ZADD {z}1 1 a
ZADD {z}2 2 a
ZUNION 2 {z}1 {z}2 WITHSCORES
ZUNIONSTORE {z}3 2 {z}1 {z}2
ZINTERCARD 2 {z}1 {z}2
ZRANGESTORE {z}4 {z}3 0 -1
ZMPOP 1 z MIN
ZUNION abc {z}1
ZADD z x a
XADD x 1-1 f v
XADD x 1-2 f w
XADD x 1-1 f v
XLEN x
XRANGE x - +
XREVRANGE x + - COUNT 1
XREAD COUNT 1 STREAMS x 0
XREAD STREAMS x 9
XREAD STREAMS
XREAD FOO
XREAD BLOCK
XGROUP CREATE x gr 0
XGROUP CREATE x gr 0
XGROUP FOO
XREADGROUP GROUP gr c1 COUNT 1 STREAMS x >
XREADGROUP GROUP nope c1 STREAMS x >
XPENDING x gr
XACK x gr 1-1
XINFO GROUPS x
XDEL x 1-1
XTRIM x MAXLEN 0
PFADD p a b c
PFCOUNT p
PFADD {p}1 a
PFMERGE {p}2 {p}1
SETBIT bits 7 1
GETBIT bits 7
BITCOUNT bits
BITPOS bits 1
BITFIELD bits GET u8 0 SET u4 0 15
BITFIELD_RO bits GET u8 0
BITOP NOT {b}d {b}s
GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
GEODIST geo Palermo Catania km
GEOPOS geo Palermo nope
GEOSEARCH geo FROMMEMBER Palermo BYRADIUS 200 km ASC
GEOHASH geo Palermo
SORT l
SORT l LIMIT 0 1 STORE l
EVAL "return redis.call('get',KEYS[1])" 1 a
EVAL "return {1,'two',false}" 0
EVAL "return KEYS[1]" abc
EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
SCRIPT LOAD "return 1"
SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db ffffffffffffffffffffffffffffffffffffffff
SCRIPT EXISTS
SCRIPT FLUSH
SCRIPT FLUSH NOW
SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
SCRIPT KILL
SCRIPT FOO
FUNCTION FLUSH
FUNCTION LIST
PUBLISH channel message
MEMORY HELP
# Answered by the proxy itself.
PING
PING hello
PING a b
ECHO hi
ECHO
SELECT 0
SELECT -1
SELECT abc
SELECT 99999999999
SELECT
AUTH x
AUTH default x
AUTH nobody x
AUTH a b c
CLIENT GETNAME
CLIENT SETNAME me
CLIENT GETNAME
CLIENT SETNAME "with blank"
CLIENT SETNAME ""
CLIENT SETINFO LIB-NAME redis-py
CLIENT
CLIENT ID x
CLIENT NOPE
CLIENT LIST TYPE foo
CLIENT LIST TYPE pubsub
CLIENT LIST TYPE
CLIENT LIST ID x
CLIENT LIST ID 99999999
CLIENT LIST FOO
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID 99999999
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL TYPE foo
CLIENT KILL TYPE pubsub
CLIENT KILL USER nobody
CLIENT KILL SKIPME maybe
CLIENT KILL ID 1 ADDR
CLIENT KILL LADDR 1.2.3.4:5 SKIPME no
CLIENT REPLY ON
CLIENT REPLY NOPE
CLIENT NO-EVICT on
CLIENT NO-EVICT off
CLIENT NO-EVICT nope
CLIENT GETREDIR
CLIENT TRACKINGINFO
CLIENT TRACKING off
CLIENT CACHING yes
CLIENT UNBLOCK 99999999
CLIENT UNBLOCK x
CLIENT UNBLOCK 5 nope
CLIENT HELP
ASKING
CLUSTER NOPE
CLUSTER KEYSLOT
CLUSTER
ROLE
ACL WHOAMI
ACL USERS
ACL LIST
ACL GETUSER default
ACL GETUSER nobody
ACL CAT
ACL CAT nope
ACL GENPASS x
ACL GENPASS 0
ACL DRYRUN default get a
ACL DRYRUN nobody get a
ACL DRYRUN default get
ACL HELP
CONFIG GET databases
CONFIG GET save
CONFIG GET maxmemory-policy
CONFIG GET SAVE
CONFIG GET nope
CONFIG GET
CONFIG HELP
CONFIG NOPE
COMMAND COUNT x
COMMAND INFO get
COMMAND INFO nope get
COMMAND GETKEYS mset a 1 b 2
COMMAND GETKEYS get
COMMAND GETKEYS ping
COMMAND HELP
COMMAND NOPE
LOLWUT VERSION 9
LOLWUT VERSION x
TIME x
HELLO x
HELLO 9
HELLO 3 NOPE
HELLO 3 AUTH nobody x
HELLO 3 SETNAME "a b"
HELLO 3 AUTH x
SCAN x
SCAN " 1"
SCAN 99999999999999999999999
SCAN 0 COUNT x
SCAN 0 COUNT 0
SCAN 0 NOPE
SCAN
RANDOMKEY x
NOSUCH
NOSUCH a b c
NOSUCH aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
FLUSHDB ASYNC
DBSIZE
FLUSHALL NOPE
SET again 1
FLUSHALL
DBSIZE
RANDOMKEY
SCAN 0
KEYS *
"""

# Replies that name what differs by nature, such as identifiers; their shape is compared.
MASKS = [
    (re.compile(rb"\$2\r\nid\r\n:\d+"), b"$2\r\nid\r\n:N"),
]


def words(line):
    """Splits a line as redis-cli does for double quotes."""
    return [quoted if quoted or word == '""' else word
            for word, quoted in re.findall(r'("([^"]*)"|\S+)', line)
            for word, quoted in [(word, quoted)]]


def requests():
    for line in SCRIPT.splitlines():
        line = line.split("#")[0].strip() if line.startswith("#") else line.strip()
        if line:
            yield ["" if word == '""' else word for word in words(line)]


def masked(reply):
    for pattern, replacement in MASKS:
        reply = pattern.sub(replacement, reply)
    return reply


class CompareTest(proxied_cluster.ProxiedClusterTest):
    def setUp(self):
        super().setUp()
        self.reference = self.start(kt.RedisServer())

    def clients(self, version):
        ours, theirs = self.proxy.client(), self.reference.client()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        if version == 3:
            self.assertEqual(masked(ours.call("HELLO", "3")), masked(theirs.call("HELLO", "3")))
        return ours, theirs

    def assert_same(self, request, ours, theirs):
        self.assertEqual(masked(ours), masked(theirs), f"the reply to {request}")

    def compare_one_by_one(self, version):
        ours, theirs = self.clients(version)
        for request in requests():
            self.assert_same(request, ours.call(*request), theirs.call(*request))

    def test_one_by_one_resp2(self):
        self.compare_one_by_one(2)

    def test_one_by_one_resp3(self):
        self.compare_one_by_one(3)

    def compare_in_pieces(self, version, seed):
        """All requests in one pipeline, cut anywhere."""
        chance = random.Random(seed)
        script = list(requests())
        data = b"".join(kt.encode(*request) for request in script)
        ours, theirs = self.clients(version)
        at = 0
        while at < len(data):
            size = chance.choice([1, 2, 7, 50, 400, 3000])
            for client in (ours, theirs):
                client.send(data[at:at + size])
            at += size
        for request in script:
            self.assert_same(request, ours.read(), theirs.read())

    def test_in_pieces_resp2(self):
        self.compare_in_pieces(2, seed=1)

    def test_in_pieces_resp3(self):
        self.compare_in_pieces(3, seed=2)

    def test_inline(self):
        ours, theirs = self.clients(2)
        for line in [b"SET a 1", b"get a", b"  GET   a  ", b'SET q "x y\\n\\x41"', b"GET q", b"SET s 'it\\'s'", b"GET s",
                     b"MSET k1 v1 k2 v2 k3 v3", b"MGET k1 k2 k3 nope", b"DEL k1 k2 k3", b"NOSUCH x", b"GET", b"PING", b"",
                     b"\r\n\r\nPING", b"ECHO \"\"", b"*0\r\n*-1\r\nPING"]:
            for client in (ours, theirs):
                client.send(line + b"\r\nPING end\r\n")
            while True:
                one, other = ours.read(), theirs.read()
                self.assert_same(line, one, other)
                if one == b"$3\r\nend\r\n":
                    break

    def test_protocol_errors(self):
        for data in [b"*x\r\n", b"*1\r\n+GET\r\n", b"*1\r\n$x\r\n", b"*1\r\n$-5\r\n", b"*2000000000000\r\n",
                     b'SET a "b\r\n', b"x" * 70000, b"*1\r\n$600000000\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*x\r\n",
                     b"*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n", b"QUIT now\r\n", b"POST / HTTP/1.1\r\n", b"Host: x\r\n",
                     b"GET a\r\nINCR a\r\nQUIT\r\nGET a\r\n"]:
            ours, theirs = self.clients(2)
            for client in (ours, theirs):
                client.send(data)
            self.assertEqual(ours.read_to_end(), theirs.read_to_end(), f"the answer to {data[:60]}")

    def test_reply_modes(self):
        ours, theirs = self.clients(2)
        for script in [["CLIENT REPLY OFF", "PING", "GET a", "SET a 1", "NOSUCH", "CLIENT REPLY ON", "PING"],
                       ["CLIENT REPLY SKIP", "GET a", "GET a", "CLIENT REPLY SKIP", "PING", "PING x"],
                       ["CLIENT REPLY SKIP", "CLIENT REPLY ON", "PING"], ["CLIENT REPLY OFF", "CLIENT REPLY NOPE", "RESET", "PING"],
                       ["CLIENT REPLY OFF", "CLIENT REPLY SKIP", "PING", "CLIENT REPLY ON", "GET a"],
                       ["CLIENT REPLY SKIP", "RESET", "PING"], ["CLIENT REPLY OFF", "RESET", "PING"]]:
            data = b"".join(kt.encode(*line.split()) for line in script) + kt.encode("ECHO", "end")
            for client in (ours, theirs):
                client.send(data)
            while True:
                one, other = ours.read(), theirs.read()
                self.assert_same(script, one, other)
                if one == b"$3\r\nend\r\n":
                    break

    def test_big_and_binary_values(self):
        ours, theirs = self.clients(2)
        chance = random.Random(3)
        keys = [bytes(chance.randrange(256) for _ in range(chance.randrange(40))) for _ in range(50)]
        sizes = [0, 1, 100, 16000, 70000, 1 << 20, 20 << 20]
        values = [chance.randbytes(chance.choice(sizes[:5])) for _ in keys] + [chance.randbytes(size) for size in sizes]
        keys += [b"size:%d" % size for size in sizes]
        for key, value in zip(keys, values):
            self.assert_same(["SET", key], ours.call("SET", key, value), theirs.call("SET", key, value))
        self.assert_same("MGET", ours.call("MGET", *keys), theirs.call("MGET", *keys))
        self.assert_same("EXISTS", ours.call("EXISTS", *keys), theirs.call("EXISTS", *keys))
        for key in keys:
            self.assert_same(["GET", key], ours.call("GET", key), theirs.call("GET", key))
        self.assertEqual(sorted(ours.value("KEYS", "*")), sorted(theirs.value("KEYS", "*")))

    def test_many_keys_at_once(self):
        ours, theirs = self.clients(3)
        pairs = [word for number in range(20000) for word in (f"k{number}", f"v{number}")]
        self.assert_same("MSET", ours.call("MSET", *pairs), theirs.call("MSET", *pairs))
        keys = pairs[::2] + ["missing"]
        random.Random(4).shuffle(keys)
        self.assert_same("MGET", ours.call("MGET", *keys), theirs.call("MGET", *keys))
        self.assert_same("DBSIZE", ours.call("DBSIZE"), theirs.call("DBSIZE"))
        self.assert_same("DEL", ours.call("DEL", *keys[:9000]), theirs.call("DEL", *keys[:9000]))
        self.assertEqual(sorted(ours.value("KEYS", "*")), sorted(theirs.value("KEYS", "*")))

    def test_scan_finds_every_key(self):
        client = self.proxy.client()
        self.addCleanup(client.close)
        wanted = {f"key:{number}".encode() for number in range(3000)}
        client.pipeline([["SET", key, "v"] for key in wanted])
        client.call("SADD", "a-set", "x")
        for version in (2, 3):
            client.call("HELLO", version)
            found, cursor, calls = set(), b"0", 0
            while True:
                cursor, keys = client.value("SCAN", cursor, "MATCH", "key:*", "COUNT", 100)
                found.update(keys)
                calls += 1
                self.assertLess(calls, 1000)
                if cursor == b"0":
                    break
            self.assertEqual(found, wanted)
            cursor, sets = b"0", []
            while True:
                cursor, keys = client.value("SCAN", cursor, "COUNT", 1000, "TYPE", "set")
                sets += keys
                if cursor == b"0":
                    break
            self.assertEqual(sets, [b"a-set"])

    def test_randomkey_reaches_every_shard(self):
        client = self.proxy.client()
        self.addCleanup(client.close)
        keys = [self.keys_of(node, 1)[0].encode() for node in self.nodes]
        client.call("SET", keys[0], "v")
        self.assertEqual({client.value("RANDOMKEY") for _ in range(20)}, {keys[0]})
        for key in keys:
            client.call("SET", key, "v")
        kt.wait_until(lambda: client.value("RANDOMKEY") == keys[2] and client.value("RANDOMKEY") == keys[1],
                      what="RANDOMKEY to name each key")

    def test_cross_slot(self):
        client = self.proxy.client()
        self.addCleanup(client.close)
        error = b"-CROSSSLOT Keys in request don't hash to the same slot\r\n"
        for request in ["RENAME a b", "SINTERSTORE a b", "MSETNX a 1 b 2", "ZUNIONSTORE a 2 b c", "PFMERGE a b", "LMOVE a b LEFT LEFT",
                        "COPY a b", "XREAD STREAMS a b 0 0", "EVAL x 2 a b"]:
            self.assertEqual(client.call(*request.split()), error, request)

    def test_refused_commands_say_so(self):
        client = self.proxy.client()
        self.addCleanup(client.close)
        for request in ["MONITOR", "SHUTDOWN",
                        "CLIENT TRACKING on", "REPLICAOF a 1", "ACL SETUSER x", "CLUSTER MEET a 1"]:
            reply = client.call(*request.split())
            self.assertTrue(reply.startswith(b"-ERR keyway-proxy does not support "), f"{request}: {reply}")
        # A group that is called like the option is not the option.
        self.assertTrue(client.call("XREADGROUP", "GROUP", "BLOCK", "c", "STREAMS", "a", ">").startswith(b"-NOGROUP"))
        self.assertEqual(client.call("PING"), b"+PONG\r\n")


class PasswordTest(proxied_cluster.ProxiedClusterTest):
    proxy_flags = {"requirepass": "secret", "cluster_password": "inner"}
    node_directives = {"requirepass": "inner", "masterauth": "inner"}

    @classmethod
    def setUpClass(cls):
        # The fixture's own calls know no password; the nodes get theirs when the cluster stands.
        cls.node_directives = {}
        super().setUpClass()
        for node in cls.nodes:
            assert node.call("CONFIG", "SET", "requirepass", "inner") == b"+OK\r\n"

    @staticmethod
    def wait_covered(proxy):
        pass

    def setUp(self):
        pass

    def test_as_redis_with_a_password(self):
        reference = self.start(kt.RedisServer(requirepass="secret"))
        for script in [["PING"], ["NOSUCH"], ["GET"], ["GET a"], ["HELLO"], ["HELLO 3"], ["HELLO 3 AUTH default bad"],
                       ["HELLO 2 SETNAME x"], ["HELLO 9"], ["AUTH bad"], ["AUTH nobody secret"], ["AUTH secret", "PING", "RESET", "PING"],
                       ["AUTH default secret", "PING"], ["HELLO 3 AUTH default secret SETNAME me", "CLIENT GETNAME"], ["RESET"],
                       ["HELLO 3 SETNAME me AUTH default bad", "AUTH secret", "CLIENT GETNAME"], ["COMMAND"], ["QUIT"],
                       ["HELLO 3 AUTH default secret NOPE", "PING"], ["HELLO 3 SETNAME me", "AUTH secret", "CLIENT GETNAME"],
                       ["HELLO 3 AUTH default secret AUTH default bad", "PING"]]:
            with self.proxy.client() as ours, reference.client() as theirs:
                for line in script:
                    self.assertEqual(masked(ours.call(*line.split())), masked(theirs.call(*line.split())), line)
        for data in [b"*11\r\n", b"*1\r\n$20000\r\n"]:
            with self.proxy.client() as ours, reference.client() as theirs:
                ours.send(data)
                theirs.send(data)
                self.assertEqual(ours.read_to_end(), theirs.read_to_end())

    def test_the_shards_password_is_given(self):
        with self.proxy.client() as client:
            client.call("AUTH", "secret")
            kt.wait_until(lambda: client.call("SET", "a", "1") == b"+OK\r\n", what="the shards to accept the proxy")
            self.assertEqual(client.call("MGET", "a", "b"), b"*2\r\n$1\r\n1\r\n$-1\r\n")


if __name__ == "__main__":
    kt.main()
