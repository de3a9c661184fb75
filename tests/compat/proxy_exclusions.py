"""What of tests/compat/cases is not compared through a proxy, by name, each with its reason.

tests/compat/proxy_cases_test.py fails when a name here is in no case file. With KEYWAY_EXCLUDED=1 it runs nothing but the excluded
cases, which shows whether they still differ.
"""

_SORT = "a cluster node refuses SORT's BY and GET: the keys that the patterns lead to may lie elsewhere"
_NO_CLUSTER = "a cluster node refuses scripts with the flag no-cluster"
_MADE_KEYS = "makes names of keys in its code, which cannot be rewritten so that they lie in one slot"
_DATABASES = "a cluster of redis-server nodes has one database"
_MEMORY = "tells of the memory of a node, which has served other cases"

# Whole files.
FILES = {
    "migrate": "MIGRATE moves keys between two single servers",
    "replication": "who replicates whom is the cluster's business: REPLICAOF and its relatives are refused",
    "tracking": "CLIENT TRACKING is refused: the shards' invalidations are not brought together",
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
    ("transactions", "FLUSHALL inside MULTI"): "a transaction is executed by one shard, so it takes no command that concerns all of them",
}

# Single lines of cases: file, title, line.
LINES = {
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
    },
    ("scripting", "commands that scripts may not call"): {
        'EVAL "return redis.call(\'READONLY\')" 0': "what a script calls is executed by a node, and that is a cluster's",
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

# Cases that hold before shards, but not before redis-server nodes.
REDIS_CASES = {
    ("blocking", "woken by MOVE"): _DATABASES,
    ("blocking", "woken by SWAPDB"): _DATABASES,
    ("blocking", "SWAPDB brings nothing"): _DATABASES,
    ("blocking", "another database"): _DATABASES,
    ("blocking", "streams: SWAPDB takes the key away"): _DATABASES,
    ("dump", "digests"): _DATABASES,
    ("effects", "keys that have expired, one way after the other"): _DATABASES,
    ("effects", "keys expire by themselves"): _DATABASES,
    ("effects", "databases"): _DATABASES,
    ("effects", "clients that have waited"): _DATABASES,
    ("effects", "messages go to replicas only"): _DATABASES,
    ("effects", "transactions"): _DATABASES,
    ("effects", "scripts"): _DATABASES,
    ("functions", "calls and errors"): _DATABASES,
    ("functions", "functions and transactions"): _DATABASES,
    ("info", "sections"): _DATABASES,
    ("memory", "replies"): _DATABASES,
    ("notifications", "in other databases"): _DATABASES,
    ("notifications", "expiry, RENAME, COPY, MOVE"): _DATABASES,
    ("notifications", "the keyspace"): _DATABASES,
    ("persistence", "DEBUG RELOAD with options"): _DATABASES,
    ("persistence", "DEBUG LOADAOF"): _DATABASES,
    ("scripting", "commands that scripts may not call"): _DATABASES,
    ("scripting", "what a script leaves for the next"): _DATABASES,
    ("scripting", "MULTI and scripts"): _DATABASES,
    ("scripting", "keyspace events of scripts"): _DATABASES,
    ("scripting", "a request that is refused leaves nothing behind"): _DATABASES,
    ("set", "generic commands"): _DATABASES,
    ("transactions", "SELECT inside MULTI"): _DATABASES,
    ("transactions", "an error of SELECT inside MULTI"): _DATABASES,
    ("transactions", "WATCH: deleted, expired, renamed"): _DATABASES,
    ("transactions", "WATCH: FLUSHALL and FLUSHDB"): _DATABASES,
    ("transactions", "WATCH: SWAPDB"): _DATABASES,
    ("transactions", "WATCH: SWAPDB, the same key in both"): _DATABASES,
    ("transactions", "WATCH: SWAPDB with keys that have expired"): _DATABASES,
    ("transactions", "WATCH: the same name in another database"): _DATABASES,
    ("transactions", "WATCH and SELECT"): _DATABASES,
}
