"""The keys that persistence is measured with: mostly strings of 16 to 100 bytes, and some small collections of each type.

They are made by a script, the same on every server, from their numbers alone.
"""

# Of 20 keys 15 are strings: numbers, text that does not compress and text that does. One in ten expires, far from now.
_SCRIPT = """
local function text(seed, length)
  local made = redis.sha1hex(seed)
  while #made < length do made = made .. redis.sha1hex(made) end
  return string.sub(made, 1, length)
end
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
  local kind = i % 20
  local name = string.format('key:%d:%d', i % 7, i)
  if kind == 0 then
    redis.call('SET', name, i)
  elseif kind <= 10 then
    redis.call('SET', name, text(i, 16 + i * 7919 % 85))
  elseif kind <= 15 then
    redis.call('SET', name, string.format('{"id":%d,"name":"user %d","active":true,"visits":%d,"groups":[1,2,3]}', i, i, i % 100))
  elseif kind == 16 then
    redis.call('HSET', name, 'name', 'user ' .. i, 'mail', text(i, 12) .. '@example.com', 'visits', i % 1000, 'city', 'Lisbon')
  elseif kind == 17 then
    redis.call('ZADD', name, i % 100, text(i, 10), i % 1000 / 8, text(i + 1, 10), i, text(i + 2, 10), 0.5, text(i + 3, 10))
  elseif kind == 18 then
    redis.call('RPUSH', name, text(i, 20), i, text(i + 1, 30), 'a', text(i + 2, 15))
  else
    redis.call('SADD', name, text(i, 10), text(i + 1, 12), text(i + 2, 14), i, 'common')
  end
  if i % 10 == 1 then redis.call('PEXPIREAT', name, 4000000000000 + i) end
end
"""
_STEP = 20_000
# Made beside them: one large collection of each type.
_LARGE = {b"large:hash": b"HSET", b"large:set": b"SADD", b"large:list": b"RPUSH", b"large:zset": b"ZADD"}
_PARTS = {
    b"HSET": lambda i: (b"field:%d" % i, b"value of %d" % i),
    b"SADD": lambda i: (b"member:%d" % i,),
    b"RPUSH": lambda i: (b"element:%d" % i,),
    b"ZADD": lambda i: (b"%d.25" % (i * 7919 % 100003), b"member:%d" % i),
}


def fill(server, keys):
    """Gives an empty server `keys` keys, and one large collection of each type with a hundredth as many elements."""
    with server.client(timeout=120.0) as client:
        for start in range(0, keys, _STEP):
            reply = client.call("EVAL", _SCRIPT, "0", start, min(start + _STEP, keys))
            assert not reply.startswith(b"-"), reply
        for name, command in _LARGE.items():
            for start in range(0, keys // 100, 1000):
                elements = range(start, min(start + 1000, keys // 100))
                client.call(command, name, *(part for i in elements for part in _PARTS[command](i)))
