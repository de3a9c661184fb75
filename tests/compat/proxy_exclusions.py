"""What of tests/compat/cases is not compared through a proxy, by name, each with its reason.

tests/compat/proxy_cases_test.py fails when a name here is in no case file. With KEYWAY_EXCLUDED=1 it runs nothing but the cases that
something is excluded of, as a whole, which shows whether they still differ.
"""

_SORT = "a cluster node refuses SORT's BY and GET: the keys that the patterns lead to may lie elsewhere"
_NO_CLUSTER = "a cluster node refuses scripts with the flag no-cluster"
_NODE_OF_A_CLUSTER = "what a script calls is executed by a node, and that is a cluster's"
_MADE_KEYS = "makes names of keys in its code, which cannot be rewritten so that they lie in one slot"
_DATABASES = "a cluster of redis-server nodes has one database"
_MEMORY = "tells of the memory of a node, which has served other cases"
_FLAG = "it is the proxy's own setting, a flag that does not change while it runs"
_ONE_SERVER = "the proxy refuses it: it concerns a single server"
_DIGEST = "DEBUG DIGEST is refused: it mixes all keys of one server, the number of its database included"
_MONITOR = "MONITOR is refused: a proxy sees the requests of its own clients only"
_TRACKING = "CLIENT TRACKING is refused: the shards' invalidations are not brought together"
_ALL_SHARDS_IN_MULTI = "a transaction is executed by one shard, so it takes no command that concerns all of them"
_OOM_IN_MULTI = "that a shard is out of memory its proxy learns at EXEC: what Redis refuses to queue is queued"
_SUBSCRIBED_IN_EXEC = "the proxy subscribes when the shard has executed the transaction, so the transaction does not reach its own client"
_ERROR_COUNTS = "errorstats are those of the nodes: without the errors that the proxy itself gives, and one for each node that was asked"
_SLOW_LOG = "each node notes what all of them are asked, and who asks is the proxy"
_COUNT_IN_SCRIPTS = "a script is told the number of subscribers of its own shard"

# Whole files.
FILES = {
    "migrate": "MIGRATE moves keys between two single servers",
    "replication": "who replicates whom is the cluster's business: REPLICAOF and its relatives are refused",
    "tracking": _TRACKING,
}

# Cases: file, title.
CASES = {
    ("sort", "sets and sorted sets"): _SORT,
    ("sort", "large sets and sorted sets"): _SORT,
    ("sort", "by"): _SORT,
    ("sort", "by: other types and forms of numbers"): _SORT,
    ("sort", "fields of hashes"): _SORT,
    ("sort", "get"): _SORT,
    ("sort", "zero bytes in patterns"): _SORT,
    ("sort", "many with equal weights"): _SORT,
    ("bitmap", "limits follow proto-max-bulk-len"): _FLAG,
    ("debug", "a push in RESP3"): "a push of a shard concerns the connection of the proxy, not that of the client",
    ("debug", "populate"): _ONE_SERVER,
    ("maxmemory", "OOM and transactions"): _OOM_IN_MULTI,
    ("maxmemory", "OOM when EXEC runs"): _OOM_IN_MULTI,
    ("monitor", "what a monitor may say"): _MONITOR,
    ("monitor", "in MULTI"): _MONITOR,
    ("persistence", "SHUTDOWN arguments"): _ONE_SERVER,
    ("scripting", "tracking and scripts"): _TRACKING,
    ("scripting", "tracking with NOLOOP and prefixes"): _TRACKING,
    ("scripting", "monitors and scripts"): _MONITOR,
    ("transactions", "FLUSHALL inside MULTI"): _ALL_SHARDS_IN_MULTI,
    ("transactions", "authentication inside MULTI"): _FLAG,
    ("transactions", "NOAUTH aborts a transaction"): _FLAG,
    ("transactions", "OOM aborts a transaction"): _OOM_IN_MULTI,
    ("transactions", "OOM: whatever is queued is refused"): _OOM_IN_MULTI,
    ("transactions", "OOM: EXEC"): _OOM_IN_MULTI,
    ("transactions", "MONITOR inside MULTI"): _MONITOR,
}

# Single lines of cases: file, title, line.
LINES = {
    ("debug", "arguments"): dict.fromkeys(
        ["DEBUG CHANGE-REPL-ID", "DEBUG CHANGE-REPL-ID x", "DEBUG LEAK foo", "DEBUG CLIENT-EVICTION", "DEBUG CLUSTERLINK kill to abc"],
        _ONE_SERVER),
    ("debug", "tables"): dict.fromkeys(
        ["DEBUG HTSTATS 5", "DEBUG HTSTATS 99", "DEBUG HTSTATS x", "~any DEBUG HTSTATS 0"], _ONE_SERVER),
    ("debug", "small things"): dict.fromkeys(
        ["DEBUG REPLICATE replica set a b", "DEBUG REPLICATE", "DEBUG CLUSTERLINK KILL to abc", "DEBUG DROP-CLUSTER-PACKET-FILTER x",
         "DEBUG DROP-CLUSTER-PACKET-FILTER -1"], _ONE_SERVER),
    ("dump", "digests"): {
        "DEBUG DIGEST": _DIGEST,
        "DEBUG DIGEST x": _DIGEST,
    },
    ("effects", "transactions"): {
        "FLUSHALL": _ALL_SHARDS_IN_MULTI,
    },
    ("effects", "DEBUG leaves no trace"): {
        "DEBUG POPULATE 3": _ONE_SERVER,
    },
    ("effects", "functions"): {
        "FUNCTION FLUSH": _ALL_SHARDS_IN_MULTI,
    },
    ("functions", "functions and transactions"): {
        "FUNCTION LIST LIBRARYNAME nosuch": _ALL_SHARDS_IN_MULTI,
        'FUNCTION LOAD "#!lua name=lib2\\nredis.register_function(\'g\', function() return \'g\' end)"': _ALL_SHARDS_IN_MULTI,
        "FUNCTION DELETE lib2": _ALL_SHARDS_IN_MULTI,
    },
    ("persistence", "in a transaction"): dict.fromkeys(["SAVE", "BGSAVE", "BGREWRITEAOF", "FLUSHALL"], _ALL_SHARDS_IN_MULTI),
    ("snapshot", "in a transaction"): dict.fromkeys(["BGSAVE now now", "~shape LASTSAVE"], _ALL_SHARDS_IN_MULTI),
    ("persistence", "DEBUG RELOAD of every type"): {
        "DEBUG DIGEST": _DIGEST,
    },
    ("persistence", "DEBUG RELOAD of large values"): {
        "DEBUG DIGEST": _DIGEST,
    },
    ("persistence", "DEBUG LOADAOF"): {
        "DEBUG DIGEST": _DIGEST,
    },
    ("persistence", "DEBUG RELOAD and who looks at keys"): {
        "@c CLIENT TRACKING on": _TRACKING,
        "@c <": _TRACKING,
    },
    ("persistence", "DEBUG AOF-FLUSH-SLEEP"): {
        "DEBUG RESTART x": _ONE_SERVER,
        "DEBUG CRASH-AND-RECOVER x": _ONE_SERVER,
    },
    ("pubsub", "in MULTI"): {
        "PUBLISH a 1": _SUBSCRIBED_IN_EXEC,
        "PUBSUB NUMPAT": _ALL_SHARDS_IN_MULTI,
    },
    ("pubsub", "subscribed in the middle of EXEC"): {
        "PUBLISH a m": _SUBSCRIBED_IN_EXEC,
    },
    ("functions", "register_function"): {
        "FCALL y 0": _NO_CLUSTER,
    },
    ("functions", "flags"): {
        "FCALL nc 0 GET k": _NO_CLUSTER,
    },
    ("scripting", "RESP to Lua"): {
        'lua redis.setresp(3), redis.call("MEMORY", "DOCTOR")': _MEMORY,
    },
    ("scripting", "replies of commands as the reply of the script"): {
        'EVAL "redis.setresp(3) return redis.call(\'MEMORY\', \'DOCTOR\')" 0': _MEMORY,
    },
    ("scripting", "arguments of redis.call"): {
        'EVAL "return redis.call(unpack({\'MGET\', \'l\', \'n\'}))" 0': _MADE_KEYS,
        'EVAL "return redis[\'call\'](\'GET\', \'k\')" 0': _MADE_KEYS,
        'EVAL "local call = redis.call return call(\'GET\', \'k\')" 0': _MADE_KEYS,
    },
    ("scripting", "commands that scripts may not call"): {
        'EVAL "return redis.call(\'READONLY\')" 0': _NODE_OF_A_CLUSTER,
        'EVAL "return redis.call(\'ASKING\')" 0': _NODE_OF_A_CLUSTER,
        'EVAL "return redis.call(\'CLUSTER\', \'INFO\')" 0': _NODE_OF_A_CLUSTER,
    },
    ("scripting", "MULTI and scripts"): {
        'SCRIPT LOAD "return 7"': _ALL_SHARDS_IN_MULTI,
    },
    ("scripting", "OOM"): {
        "MULTI": _OOM_IN_MULTI,
        'EVAL "return redis.call(\'SET\', \'a\', 1)" 0': _OOM_IN_MULTI,
        "GET a": _OOM_IN_MULTI,
        "EXEC": _OOM_IN_MULTI,
    },
    ("scripting", "scripts while writes are paused"): {
        "FCALL reads 0": "what a function has declared its proxy does not know",
    },
    ("scripting", "shebang"): {
        'EVAL "#!lua flags=allow-stale,no-cluster,allow-cross-slot-keys\\nreturn 1" 0': _NO_CLUSTER,
    },
    ("scripting", "many arguments and large replies"): {
        f'EVAL "local t = {{}} for i = 1, {count} do t[i] = \'k\' .. i end return #redis.call(\'MGET\', unpack(t))" 0': _MADE_KEYS
        for count in (7000, 7990, 8000)
    } | {
        'EVAL "local t = {} for i = 1, 20000 do t[i] = i end return #redis.call(\'MGET\', unpack(t))" 0': _MADE_KEYS,
    },
}

# Lines that are sent, but of whose replies only is compared whether they are errors.
LOOSE_LINES = {
    ("functions", "clients served by functions, notices, tracking"): {
        "FCALL publish 0 ch m": _COUNT_IN_SCRIPTS,
    },
    ("functions", "errors are counted"): {
        "INFO errorstats": _ERROR_COUNTS,
    },
    ("info", "errors are counted"): {
        "INFO errorstats": _ERROR_COUNTS,
    },
    ("scripting", "errors in INFO errorstats"): {
        "INFO errorstats": _ERROR_COUNTS,
    },
    ("scripting", "publishing from scripts"): {
        'EVAL "return {redis.call(\'PUBLISH\', \'ch\', \'one\'), redis.call(\'PUBLISH\', \'nobody\', \'x\')}" 0': _COUNT_IN_SCRIPTS,
    },
    ("scripting", "the slow log of scripts"): {
        "SLOWLOG LEN": _SLOW_LOG,
        "~shape SLOWLOG GET -1": _SLOW_LOG,
    },
    ("scripting", "the slow log's text"): {
        'lua (function() local r = {} for _, e in ipairs(redis.call("SLOWLOG", "GET", -1)) do r[#r + 1] = table.concat(e[4], " ") .. "|" '
        '.. (e[5] == "?:0" and e[5] or "address") .. "|" .. e[6] end return r end)()': _SLOW_LOG,
    },
    ("slowlog", "what is kept"): dict.fromkeys(["SLOWLOG LEN", "~shape SLOWLOG GET", "~shape SLOWLOG GET -1"], _SLOW_LOG),
    ("slowlog", "transactions"): dict.fromkeys(["SLOWLOG LEN", "~shape SLOWLOG GET -1"], _SLOW_LOG),
    ("slowlog", "blocked clients"): {
        "SLOWLOG LEN": _SLOW_LOG,
    },
    ("transactions", "statistics of a transaction"): {
        "INFO errorstats": _ERROR_COUNTS,
    },
}

# Lines that are sent to shards, but not to redis-server nodes.
REDIS_LINES = {
    ("dump", "digests"): {
        "SELECT 2": _DATABASES,
    },
    ("effects", "keys that have expired, one way after the other"): {
        "MOVE k4 3": _DATABASES,
    },
    ("effects", "keys expire by themselves"): {
        "SELECT 2": _DATABASES,
    },
    ("effects", "messages go to replicas only"): {
        "SELECT 5": _DATABASES,
        "SELECT 6": _DATABASES,
    },
    ("effects", "transactions"): {
        "SELECT 2": _DATABASES,
    },
    ("effects", "scripts"): {
        'EVAL "redis.call(\'select\',5) redis.call(\'set\',\'a\',\'2\') redis.call(\'select\',6) redis.call(\'set\',\'a\',\'2\')" 0': _DATABASES,
        'EVAL "redis.call(\'select\',7) redis.call(\'set\',\'a\',\'2\') redis.call(\'select\',8) redis.call(\'publish\',\'a\',\'2\')" 0': _DATABASES,
    },
    ("functions", "calls and errors"): {
        "FCALL calls 0 SELECT 5": _DATABASES,
    },
    ("functions", "functions and transactions"): {
        "SELECT 1": _DATABASES,
    },
    ("info", "sections"): {
        "SELECT 2": _DATABASES,
    },
    ("memory", "replies"): {
        "SELECT 3": _DATABASES,
    },
    ("persistence", "DEBUG RELOAD with options"): {
        "SELECT 3": _DATABASES,
    },
    ("persistence", "DEBUG LOADAOF"): {
        "SELECT 2": _DATABASES,
    },
    ("scripting", "commands that scripts may not call"): {
        'EVAL "return redis.call(\'SWAPDB\', 0, 1)" 0': _DATABASES,
    },
    ("scripting", "what a script leaves for the next"): {
        'EVAL "redis.call(\'SELECT\', 3) redis.call(\'SET\', \'in3\', 1) return redis.call(\'DBSIZE\')" 0': _DATABASES,
        "SELECT 3": _DATABASES,
        'EVAL "return redis.call(\'SELECT\', 99)" 0': _DATABASES,
    },
    ("scripting", "MULTI and scripts"): {
        "SELECT 2": _DATABASES,
        'EVAL "redis.call(\'SELECT\', 3) return redis.call(\'SET\', \'a\', \'in three\')" 0': _DATABASES,
    },
    ("scripting", "a request that is refused leaves nothing behind"): {
        'EVAL "redis.call(\'SELECT\', 5) error(\'x\')" 0': _DATABASES,
    },
    ("set", "generic commands"): {
        "MOVE t 1": _DATABASES,
    },
    ("transactions", "WATCH: deleted, expired, renamed"): {
        "@b MOVE a 5": _DATABASES,
        "@b SELECT 5": _DATABASES,
    },
    ("transactions", "WATCH: FLUSHALL and FLUSHDB"): {
        "@b SELECT 1": _DATABASES,
    },
}

# Cases that hold before shards, but not before redis-server nodes.
REDIS_CASES = {
    ("blocking", "woken by MOVE"): _DATABASES,
    ("blocking", "woken by SWAPDB"): _DATABASES,
    ("blocking", "SWAPDB brings nothing"): _DATABASES,
    ("blocking", "another database"): _DATABASES,
    ("blocking", "streams: SWAPDB takes the key away"): _DATABASES,
    ("effects", "databases"): _DATABASES,
    ("effects", "clients that have waited"): _DATABASES,
    ("notifications", "in other databases"): _DATABASES,
    ("notifications", "expiry, RENAME, COPY, MOVE"): _DATABASES,
    ("notifications", "the keyspace"): _DATABASES,
    ("scripting", "keyspace events of scripts"): _DATABASES,
    ("transactions", "SELECT inside MULTI"): _DATABASES,
    ("transactions", "an error of SELECT inside MULTI"): _DATABASES,
    ("transactions", "WATCH: SWAPDB"): _DATABASES,
    ("transactions", "WATCH: SWAPDB, the same key in both"): _DATABASES,
    ("transactions", "WATCH: SWAPDB with keys that have expired"): _DATABASES,
    ("transactions", "WATCH: the same name in another database"): _DATABASES,
    ("transactions", "WATCH and SELECT"): _DATABASES,
}
