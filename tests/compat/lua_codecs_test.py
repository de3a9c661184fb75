#!/usr/bin/python3
"""The libraries cmsgpack, struct, cjson and bit answer as redis-server's, errors included: random calls go
to EVAL and to the program `lua_codecs` (KEYWAY_LUA_CODECS), which is Lua with these libraries and nothing else.

By hand, for long:   LUA_CODECS_CASES=20000 LUA_CODECS_SEED=7 lua_codecs_test.py
"""

import os
import random
import struct
import subprocess

import keyway_testing as kt

OURS = os.path.abspath(os.environ.get("KEYWAY_LUA_CODECS", "bazel-bin/tests/support/lua_codecs"))
CASES = int(os.environ.get("LUA_CODECS_CASES", "1500"))
SEED = int(os.environ.get("LUA_CODECS_SEED", "1"))
CASES_A_SCRIPT = 50

# show(value): any value as text without loss, tables in the order of pairs unless that cannot be the same: some keys hash by their
# address, and redis-server's Lua hashes strings of 32 bytes and more in a way of its own. try(f, ...): what a call gives, or its error.
PRELUDE = rb"""
local function show(value, depth)
  depth = depth or 0
  local kind = type(value)
  if kind == "string" then
    return '"' .. value:gsub("[%z\1-\31\\\"\127-\255]", function(c) return string.format("\\%03d", c:byte()) end) .. '"'
  elseif kind == "number" then return string.format("%.17g", value)
  elseif kind == "table" then
    if depth > 40 then return "{...}" end
    local parts, ordered = {}, true
    for k, v in pairs(value) do
      parts[#parts + 1] = show(k, depth + 1) .. "=" .. show(v, depth + 1)
      if type(k) == "table" or type(k) == "function" or (type(k) == "string" and #k > 31) then ordered = false end
    end
    if not ordered then table.sort(parts) end
    return "{" .. table.concat(parts, ",") .. "}"
  elseif kind == "function" or kind == "userdata" then return kind
  end
  return tostring(value)
end
local function list(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = show((select(i, ...))) end
  return table.concat(parts, " ")
end
local function try(f, ...) return list(pcall(f, ...)) end
local function first(ok, ...) return ok, (...) end
-- Of many results: how many, and some.
local function glance(...) return select("#", ...) .. " " .. list((...), (select(2, ...))):sub(1, 200) end
local function brief(f, ...) return glance(pcall(f, ...)) end
-- Packs, shows it, and shows what comes back.
local function both(pack, unpack, ...)
  local ok, packed = first(pcall(pack, ...))
  if not ok then return list(ok, packed) end
  return list(packed) .. " -> " .. try(unpack, packed)
end
local function nest(open, depth, inner, close)
  return open:rep(depth) .. inner .. close:rep(depth)
end
local r = {}
"""


class Ours:
    def __init__(self):
        self.process = subprocess.Popen([OURS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, script):
        self.process.stdin.write(b"%d\n%s" % (len(script), script))
        self.process.stdin.flush()
        return self.process.stdout.read(int(self.process.stdout.readline()))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


def literal(data):
    return b'"' + b"".join(b"\\%03d" % byte for byte in data) + b'"'


class Values:
    """Random parts of calls, as Lua source."""

    NUMBERS = [b"0", b"-0", b"1", b"-1", b"1/0", b"-1/0", b"0/0", b"-(0/0)", b"2^31", b"2^32", b"2^53", b"2^62", b"2^63", b"-2^63", b"2^64", b"-2^64",
               b"2^63+2^60", b"1e300", b"1e-300", b"0.1", b"0.5", b"-1.5", b"3.4028234663852886e38", b"3.5e38", b"1e-45", b"1e15", b"1e14", b"123456789012345678"]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, one_in):
        return self.random.randrange(one_in) == 0

    def number(self):
        kind = self.random.randrange(6)
        if kind == 0:
            return self.random.choice(self.NUMBERS)
        if kind == 1:
            return b"%d" % self.random.randrange(-40, 300)
        if kind == 2:
            power = 1 << self.random.randrange(64)
            return b"%d" % (self.random.choice([-1, 1]) * (power + self.random.randrange(-2, 3)))
        if kind == 3:
            return repr(self.random.uniform(-1000, 1000)).encode()
        if kind == 4:
            return repr(struct.unpack("<f", self.random.randbytes(4))[0]).encode().replace(b"nan", b"0/0").replace(b"inf", b"1/0")
        return repr(struct.unpack("<d", self.random.randbytes(8))[0]).encode().replace(b"nan", b"0/0").replace(b"inf", b"1/0")

    def text(self):
        length = self.random.choice([0, 1, 2, 3, 5, 8, 31, 32, 33, 255, 256, 300] if self.chance(3) else [0, 1, 2, 3, 4])
        alphabet = self.random.choice([b"abc", b"abc\x00\xff\"\\/\n\x7f", bytes(range(256))])
        return bytes(self.random.choice(alphabet) for _ in range(length))

    def scalar(self):
        kind = self.random.randrange(8)
        if kind < 4:
            return self.number()
        if kind < 6:
            return literal(self.text())
        return self.random.choice([b"true", b"false", b"nil", b"cjson.null", b"pcall"])

    def table(self, depth):
        kind = self.random.randrange(5)
        count = self.random.choice([0, 1, 2, 3, 5, 16, 17] if self.chance(4) else [0, 1, 2, 3])
        items = [self.value(depth + 1) for _ in range(count)]
        if kind < 2:
            return b"{%s}" % b",".join(items)
        # A key without a value is a place that the next collection of garbage frees: that shows in the order of pairs, too.
        items = [item if item != b"nil" else b"false" for item in items]
        if kind == 2:
            return b"{%s}" % b",".join(b"[%s]=%s" % (literal(self.key()), item) for item in items)
        if kind == 3:
            return b"{%s}" % b",".join(b"[%d]=%s" % (self.random.randrange(-1, 8), item) for item in items)
        # Keys that hash by their address have no order beside others.
        keys = [self.number() if self.chance(2) else literal(self.key()) for _ in items] if count != 1 else [self.value(depth + 1)]
        keys = [key if key not in (b"nil", b"0/0", b"-(0/0)", b"-0/0") else b"1.5" for key in keys]
        return b"{%s}" % b",".join(b"[%s]=%s" % pair for pair in zip(keys, items))

    def key(self):
        """Of a table whose order is seen."""
        return self.text()[:31]

    def value(self, depth=0):
        return self.table(depth) if depth < 4 and self.chance(2) else self.scalar()


class MessagePack(Values):
    def packed(self, depth=0):
        """Bytes of one value, in any of its encodings."""
        kind = self.random.randrange(14 if depth < 5 else 9)
        if kind < 2:
            return bytes([self.random.choice([*range(0, 128), *range(224, 256), 0xc0, 0xc2, 0xc3])])
        if kind < 5:
            code, size = self.random.choice([(0xca, 4), (0xcb, 8), (0xcc, 1), (0xcd, 2), (0xce, 4), (0xcf, 8), (0xd0, 1), (0xd1, 2), (0xd2, 4), (0xd3, 8)])
            data = self.random.choice([self.random.randbytes(size), b"\xff" * size, b"\x00" * size, b"\x80" + b"\x00" * (size - 1)])
            return bytes([code]) + data
        text = self.text()
        if kind < 8:
            header = self.random.choice([struct.pack(">BI", 0xdb, len(text)), struct.pack(">BH", 0xda, len(text)), b"\xd9" + bytes([min(len(text), 255)])])
            return header + text if len(text) > 31 else bytes([0xa0 | len(text)]) + text
        if kind == 8:
            if not self.chance(10):
                return b"\xc0"
            return self.random.choice([b"\xc1", b"\xc4\x01a", b"\xc5\x00\x01a", b"\xc6\x00\x00\x00\x01a", b"\xc7\x01\x01a", b"\xc8\x00\x01\x01a", b"\xd4\x01a", b"\xd8"])
        count = self.random.choice([0, 1, 2, 3, 4, 15, 16] if self.chance(8) else [0, 1, 2, 3])
        if kind < 12:
            header = self.random.choice([bytes([0x90 | min(count, 15)]), struct.pack(">BH", 0xdc, count), struct.pack(">BI", 0xdd, count)])
            return header + b"".join(self.packed(depth + 1) for _ in range(count))
        header = self.random.choice([bytes([0x80 | min(count, 15)]), struct.pack(">BH", 0xde, count), struct.pack(">BI", 0xdf, count)])
        return header + b"".join(self.packed(depth + 1) for _ in range(2 * count))

    def mutated(self, data):
        data = bytearray(data)
        for _ in range(self.random.randrange(4) if self.chance(2) else 0):
            at = self.random.randrange(len(data) + 1)
            kind = self.random.randrange(4)
            if kind == 0:
                data.insert(at, self.random.randrange(256))
            elif kind == 1 and at < len(data):
                data[at] = self.random.randrange(256)
            elif kind == 2:
                del data[at:at + self.random.randrange(4)]
            else:
                del data[at:]
        return bytes(data)

    def case(self):
        kind = self.random.randrange(12)
        if kind < 4:
            return b"both(cmsgpack.pack,cmsgpack.unpack,%s)" % b",".join(self.value() for _ in range(self.random.choice([1, 1, 1, 2, 5])))
        data = self.mutated(b"".join(self.packed() for _ in range(self.random.randrange(1, 5))))
        if kind < 7:
            return b"try(cmsgpack.unpack,%s)" % literal(data)
        if kind < 9:
            return b"try(cmsgpack.unpack_one,%s,%s)" % (literal(data), self.place(data))
        if kind < 11:
            return b"try(cmsgpack.unpack_limit,%s,%s,%s)" % (literal(data), self.place(data), self.place(data))
        if self.chance(3):
            function = self.random.choice([b"pack", b"unpack", b"unpack_one", b"unpack_limit"])
            return b"try(cmsgpack.%s%s)" % (function, b"".join(b"," + self.value(3) for _ in range(self.random.randrange(4))))
        depth = self.random.choice([10, 15, 16, 17, 18, 30])
        if self.chance(2):
            parts = self.random.choice([(b"{", b"}"), (b"{x=", b"}"), (b"{[", b"]=1}"), (b"{1,", b"}"), (b"{[{", b"}]=2}")])
            return b"both(cmsgpack.pack,cmsgpack.unpack,%s%s%s)" % (parts[0] * depth, b"1", parts[1] * depth)
        depth = self.random.choice([100, 2665, 2666, 2667, 3997, 3998, 3999, 4000, 4001, 7997, 7998, 7999, 8000, 8001, 9000])
        opening = self.random.choice([b"\x91", b"\x92\x01", b"\x81", b"\x81\x01", b"\x81\x91", b"\x91\x81\x01", b"\x01", b"\xdc\x00\x01"])
        return b"brief(cmsgpack.unpack,nest(%s,%d,%s,''))" % (literal(opening), depth, literal(self.packed(5)))

    def place(self, data):
        if self.chance(8):
            return self.scalar()
        return b"%d" % self.random.choice([0, 0, 1, 2, 3, -1, len(data), len(data) - 1, len(data) + 1, self.random.randrange(len(data) + 2)])


class Structs(Values):
    def format(self):
        options = []
        for _ in range(self.random.randrange(1, 8)):
            option = self.random.choice("bBhHiIlLTfdsxciIc>< !" if not self.chance(20) else "azZ5%\x00(\x80")
            if option in "iIc!" and self.chance(2):
                option += str(self.random.choice([0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 31, 32, 33, 2147483647, 2147483648, 99999999999]
                                                 if self.chance(6) else [1, 2, 4, 8, 3, 0]))
            options.append(option)
        return "".join(options).encode("latin-1")

    def argument(self, option):
        if self.chance(25):
            return self.value(3)
        return literal(self.text()) if option in b"sc" else self.number()

    def case(self):
        form = self.format()
        arguments = b"".join(b"," + self.argument(option) for option in form if option in b"bBhHiIlLTfdsc")
        kind = self.random.randrange(10)
        if kind < 4:
            return b"try(struct.pack,%s%s)" % (literal(form), arguments)
        if kind < 6:
            return (b"both(struct.pack,function(packed) return struct.unpack(%s,packed) end,%s%s)"
                    % (literal(form), literal(form), arguments))
        if kind < 9:
            length = self.random.choice([0, 1, 3, 8, 16, 24, 40, 64])
            data = bytes(self.random.choice([0, 1, 2, 3, 127, 128, 255, self.random.randrange(256)]) for _ in range(length))
            place = b"" if self.chance(2) else b"," + (self.value(3) if self.chance(10) else b"%d" % self.random.randrange(-2, length + 3))
            return b"try(struct.unpack,%s,%s%s)" % (literal(form), literal(data), place)
        return b"try(struct.size,%s)" % literal(form)


class Json(Values):
    SETTINGS = [b"j.encode_sparse_array(true)", b"j.encode_sparse_array(false,1,1)", b"j.encode_sparse_array(true,3,2)", b"j.encode_max_depth(3)",
                b"j.decode_max_depth(3)", b"j.encode_number_precision(3)", b"j.encode_number_precision(1)", b"j.encode_keep_buffer(false)",
                b"j.encode_invalid_numbers(true)", b"j.encode_invalid_numbers('null')", b"j.encode_invalid_numbers('on')",
                b"j.decode_invalid_numbers(false)", b"j.encode_number_precision(20)", b"j.encode_max_depth(0)", b"j.encode_invalid_numbers(1)",
                b"j.decode_invalid_numbers('null')", b"j.encode_sparse_array('a')", b"j.encode_number_precision(14)", b"j.encode_number_precision(16)"]

    def json(self, depth=0):
        kind = self.random.randrange(12 if depth < 5 else 8)
        if kind < 3:
            return self.random.choice([b"0", b"-0", b"1", b"-1", b"1.5", b"1e3", b"1E+3", b"1e-3", b"-12.25e2", b"12345678901234567890", b"1e999", b"0x10", b"01", b".5",
                                       b"5.", b"+1", b"-", b"nan", b"NaN", b"inf", b"Infinity", b"-Infinity", b"-inf", b"1e", b"00", b"0.1", b"3.14159265358979312",
                                       b"-nan", b"infinity", b"0e0", b"0x1p4", b"1.7976931348623157e308", b"4.9e-324"]
                                      ) if self.chance(2) else self.number().replace(b"/0", b"")
        if kind < 6:
            body = b"".join(self.random.choice([b"a", b"\\n", b"\\u0041", b"\\u00e9", b"\\u20ac", b"\\ud83d\\ude00", b"\\ud83d", b"\\udc00", b"\\u0000", b"\xc3\xa9",
                                                b"\\/", b"\\\\", b'\\"', b"\\b\\f\\r\\t", b"/", b"\x7f", b"z"] +
                                               ([b"\\x", b"\n", b"\x00", b"\\u12", b"\\uzzzz", b"\xff", b"\\ud800\\u0041"] if self.chance(6) else []))
                            for _ in range(self.random.randrange(6)))
            return b'"' + body + b'"'
        if kind < 8:
            return self.random.choice([b"true", b"false", b"null"] + ([b"True", b"nul", b"tru", b"undefined"] if self.chance(6) else []))
        space = self.random.choice([b"", b" ", b"\n\t\r "])
        count = self.random.randrange(4)
        if kind < 10:
            return b"[" + space + (b"," + space).join(self.json(depth + 1) for _ in range(count)) + space + b"]"
        keys = [b'"%d"' % self.random.randrange(4) if self.chance(3) else b'"k%d"' % i for i in range(count)]
        return b"{" + b",".join(key + space + b":" + self.json(depth + 1) for key in keys) + space + b"}"

    def case(self):
        setting = self.random.choice(self.SETTINGS) if self.chance(3) else b"nil"
        call = b"(function() local j=cjson.new() local s=list(pcall(function() return %s end)) return s..' '..%%s end)()" % setting
        kind = self.random.randrange(10)
        if kind < 4:
            return call % (b"both(j.encode,j.decode,%s)" % self.value())
        if kind < 8:
            text = self.json()
            if self.chance(3):
                text = MessagePack.mutated(self, text)
            return call % (b"both(j.decode,j.encode,%s)" % literal(text))
        if kind < 9:
            function = self.random.choice([b"encode", b"decode"])
            return call % (b"try(j.%s%s)" % (function, b"".join(b"," + self.value(3) for _ in range(self.random.randrange(3)))))
        depth = self.random.choice([3, 4, 10, 999, 1000, 1001, 1002])
        if self.chance(2):
            inner = self.random.choice([b"{t}", b"{t,t2}", b"{x=t}", b"{[3]=t}", b"{[20]=t}", b"{x=1,y=t}", b"{t,pcall}", b"{[2]=t,[1]=pcall}", b"{0/0,t}"])
            return call % (b"(function() local t,t2=%s,{} for i=1,%d do t=%s end return brief(j.encode,t) end)()" % (self.scalar(), depth, inner))
        opening, closing = self.random.choice([(b"[", b"]"), (b'{"a":', b"}"), (b"[", b""), (b'[{"a":', b"}]")])
        return call % (b"brief(j.decode,nest(%s,%d,'1',%s))" % (literal(opening), depth, literal(closing)))


class Bits(Values):
    def case(self):
        function = self.random.choice([b"tobit", b"tohex", b"bnot", b"band", b"bor", b"bxor", b"lshift", b"rshift", b"arshift", b"rol", b"ror", b"bswap"])
        count = self.random.choice([1, 2, 2, 3])
        arguments = [self.number() if not self.chance(30) else self.value(3) for _ in range(count if not self.chance(30) else 0)]
        if function in (b"lshift", b"rshift", b"arshift", b"rol", b"ror", b"tohex") and len(arguments) > 1 and not self.chance(5):
            arguments[1] = b"%d" % self.random.randrange(-40, 70)
        return b"try(bit.%s%s)" % (function, b"".join(b"," + argument for argument in arguments))


class LuaCodecsTest(kt.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reference = kt.RedisServer().start()
        cls.ours = Ours()

    @classmethod
    def tearDownClass(cls):
        cls.reference.stop()
        assert cls.ours.close() == 0

    def compare(self, cases):
        """Runs the cases, many in one script; then those that differ, to show them."""
        differing = []
        with self.reference.client() as client:
            for start in range(0, len(cases), CASES_A_SCRIPT):
                some = cases[start:start + CASES_A_SCRIPT]
                # Each in a function of its own: Lua bounds the constants of one.
                script = PRELUDE + b"".join(b"r[%d] = (function() return (%s) end)()\n" % (i + 1, case) for i, case in enumerate(some))
                script += b'return table.concat(r, "\\n")'
                theirs, ours = client.value("EVAL", script, "0"), self.ours.run(script)
                if theirs != ours:
                    if isinstance(theirs, Exception):
                        theirs = str(theirs).encode()
                    lines = zip(some, theirs.split(b"\n"), ours.split(b"\n"))
                    differing += [triple for triple in lines if triple[1] != triple[2]] or [(script, theirs, ours)]
                client.value("SCRIPT", "FLUSH")
        shown = "\n".join(f"{case.decode('latin-1')[:600]}\n  redis-server: {theirs.decode('latin-1')[:600]}\n  ours:         {ours.decode('latin-1')[:600]}"
                          for case, theirs, ours in differing[:20])
        self.assertFalse(differing, f"{len(differing)} of {len(cases)} differ\n{shown}")

    def compare_random(self, generator):
        self.compare([generator.case() for _ in range(CASES)])

    def test_message_pack(self):
        self.compare_random(MessagePack(SEED))

    def test_struct(self):
        self.compare_random(Structs(SEED))

    def test_json(self):
        self.compare_random(Json(SEED))

    def test_bit(self):
        self.compare_random(Bits(SEED))

    def test_libraries(self):
        """Their names, in the order of pairs, and their fields that are texts."""
        self.compare([b"show(%s)" % name for name in (b"cmsgpack", b"struct", b"cjson", b"bit")])

    def test_limits_of_the_stack(self):
        cases = []
        for count in range(3990, 4002):
            for item in (b"1", b"{}", b"{1}", b"{{{}}}", b"{x=1}", b"{x={x={x={x=2}}}}", b"{[{}]={x=1}}", b"{[{x=1}]=1}"):
                cases.append(b"(function() local t={} for i=1,%d do t[i]=%s end return brief(cmsgpack.pack,unpack(t)) end)()" % (count, item))
        for count in range(7990, 8003):
            for rest in (b"", b"\x01", b"\xc1", b"\xcc", b"\xc4", b"\x90", b"\x91", b"\x91\x01", b"\x80", b"\x81", b"\x81\x01\x02", b"\xa1", b"\xa0", b"\xdc\x00"):
                cases.append(b"brief(cmsgpack.unpack,('\\1'):rep(%d)..%s)" % (count, literal(rest)))
                cases.append(b"brief(cmsgpack.unpack_limit,('\\1'):rep(%d)..%s,9000)" % (count, literal(rest)))
            for rest in (b"", b"b", b" ", b"x", b"z", b"i33", b"c0", b"s"):
                cases.append(b"brief(struct.unpack,('b'):rep(%d)..%s,('\\1'):rep(8000))" % (count, literal(rest)))
                cases.append(b"brief(struct.pack,('b'):rep(%d)..%s,1)" % (count, literal(rest)))
        self.compare(cases)

    def test_positions_in_errors(self):
        cases = []
        for call in (b"cmsgpack.pack()", b"cmsgpack.unpack(nil)", b"cmsgpack.unpack('\\193')", b"cmsgpack.unpack('\\129\\192\\1')", b"struct.pack('i',{})",
                     b"struct.pack('i33',1)", b"struct.unpack('i','')", b"cjson.encode({[1.5]=1})", b"cjson.encode(pcall)", b"cjson.encode({pcall})",
                     b"cjson.encode(0/0)", b"cjson.decode('{')", b"cjson.decode('')", b"cjson.decode()", b"bit.band()", b"bit.lshift(1)", b"bit.tohex({})",
                     b"cjson.encode({[100]=1})", b"cjson.new(1)", b"cjson.decode('nan')", b"cjson.encode(1/0)"):
            cases.append(b"try(function() local x = %s return x end)" % call)
            cases.append(b"try(function() return %s end)" % call)
        self.compare(cases)


if __name__ == "__main__":
    kt.main()
