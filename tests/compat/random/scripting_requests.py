"""Random scripts and functions: EVAL and its relatives, SCRIPT, FUNCTION, FCALL.

A script is put together from lines of Lua: commands, which are random requests of any family, expressions over their
results, loops, errors that are caught and that are not. Nothing in it hangs on an address, on time or on chance: tables and
functions are never made a text or a key, of what a command answers in no order only the type is taken, and no error is raised
that is a table without a text "err", which makes redis-server crash. Nor does any number leave the range of a double, for
which redis-server refuses a later SORT.
"""

import hashlib

from keyway_testing import rdb

# A value as a text, a table or a function by its type alone.
_TEXT = ("local function S(v) local t = type(v) "
         "if t == 'table' or t == 'function' or t == 'thread' or t == 'userdata' then return t end return tostring(v) end")
# The value of an expression, or how it fails.
_PROTECTED = ("local function P(f) local ok, e = pcall(f) if ok then return e end "
              "return {false, S(e), type(e) == 'table' and S(e.err) or nil} end")
# A number that comes about by chance may be a time so short that it is over for one server and not yet for the other.
_EXPIRING = {b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT", b"SET", b"SETEX", b"PSETEX", b"GETEX", b"RESTORE"}
_DENIED = [[b"MULTI"], [b"EXEC"], [b"WATCH", b"k1"], [b"SUBSCRIBE", b"a"], [b"EVAL", b"return 1", b"0"], [b"FCALL", b"f1", b"0"],
           [b"SCRIPT", b"FLUSH"],
           [b"FUNCTION", b"FLUSH"], [b"CLIENT", b"GETNAME"], [b"CONFIG", b"GET", b"port"], [b"DEBUG", b"JMAP"], [b"NOSUCH"], [b"GET"], [b""],
           [b"HELLO", b"3"], [b"RESET"], [b"MONITOR"], [b"WAIT", b"0", b"0"], [b"OBJECT", b"NOSUCH"], [b"QUIT"]]
# What its family leaves out of the comparison, besides what generator.py's tables have.
_VAGUE = {b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME", b"SCAN", b"SSCAN", b"HSCAN", b"ZSCAN", b"RANDOMKEY", b"DUMP", b"OBJECT", b"MEMORY", b"TIME"}
_SHEBANGS = ["#!lua", "#!lua flags=no-writes", "#!lua flags=allow-oom", "#!lua flags=no-writes,allow-stale",
             "#!lua flags=no-cluster,allow-cross-slot-keys",
             "#!lua flags=", "#!lua flags=nosuch", "#!lua name=x", "#!php", "#!lua  "]
_PATTERNS = ["a", ".", "%d+", "%w", "(%a)(%d?)", "^%s*(.-)%s*$", "[abc]+", "%z", "[^%c]", "()", "b*", "(a)(b)", "%f[%w]%w+", "x-$", "%bab", "[",
             "%", "(", "%2"]
_FORMATS = ["%d", "%5d", "%-5d|", "%05d", "%x", "%X", "%o", "%u", "%i", "%c", "%e", "%g", "%.3f", "%10.2f", "%s", "%10s", "%.3s", "%q", "%%",
            "%5.1g", "%+d", "%y", "%"]
_STRUCTS = ["b", "B", "h", "H", ">h", "<i4", ">I8", "i3", "f", ">d", "s", "c0", "c3", "Bc0", "!4bi4", "bxb", "l", "T", "z", "i33", ""]
_FUNCTION_FLAGS = ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"]


class _Block:
    """Where code is written: its lines, how deep it is in others, the variables that can be seen."""

    def __init__(self, variables, depth, arguments):
        self.lines, self.variables, self.depth, self.arguments = [], list(variables), depth, arguments


class ScriptingRequests:
    """A part of Generator."""

    # Parts of Lua.

    def lua_string(self, data):
        """A literal of these bytes."""
        return "'" + "".join(chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\{byte:03d}" for byte in data) + "'"

    def lua_number(self):
        kind = self.random.random()
        if kind < 0.6:
            return str(self.random.randint(-3, 12))
        if kind < 0.8:
            return self.random.choice(["0.5", "-1.5", "3.999", "1e3", "1e15", "2^53", "2^31", "-2^31", "255", "65536", "0x7f", "1e100",
                                       "100000000000000000"])
        return str(self.random.randint(-10**6, 10**10))

    def lua_atom(self, block):
        kind = self.random.random()
        if kind < 0.35 and block.variables:
            return self.random.choice(block.variables)
        if kind < 0.55:
            keys, arguments = block.arguments
            return f"{self.random.choice([keys, arguments])}[{self.random.randint(1, 4)}]"
        if kind < 0.75:
            return self.lua_number()
        if kind < 0.93:
            return self.lua_string(self.value()[:60])
        return self.random.choice(["nil", "true", "false", "{}", "cjson.null", "#r", "redis.REPL_ALL", "math.huge", "math.pi", "_VERSION"])

    def lua_table(self, block, depth):
        parts = []
        for _ in range(self.random.randint(0, 4)):
            value = self.lua_expression(block, depth + 1)
            kind = self.random.random()
            if kind < 0.7:
                parts.append(value)
            elif kind < 0.9:
                parts.append(f"{self.random.choice(['a', 'b', 'key', 'n'])} = {value}")
            else:
                parts.append(f"[{self.random.choice(['1', '2', '5', '1.5', '-1', 'true', chr(39) + 'x y' + chr(39)])}] = {value}")
        return "{" + ", ".join(parts) + "}"

    def lua_reply(self, block, depth):
        """A table that is more than an array when it is returned."""
        text = f"S({self.lua_expression(block, depth + 1)})"
        table = self.lua_table(block, depth + 1)
        return self.random.choice([
            f"{{ok = {text}}}", f"{{err = {text}}}", f"redis.status_reply({text})", f"redis.error_reply({text})", f"{{double = {self.lua_number()}}}",
            f"{{map = {table}}}", f"{{set = {{[{text}] = true}}}}", f"{{big_number = {text}}}",
            f"{{verbatim_string = {{format = 'txt', string = {text}}}}}",
            f"{{map = {{a = {table}}}}}", f"{{ok = {self.lua_atom(block)}}}", f"{{err = {self.lua_atom(block)}}}"])

    def lua_string_function(self, block, depth):
        def one():
            return self.lua_expression(block, depth + 1)
        pattern = self.lua_string(self.random.choice(_PATTERNS).encode())
        template = self.lua_string(self.random.choice(_FORMATS).encode())
        number = str(self.random.randint(-5, 9))
        return self.random.choice([
            lambda: f"string.sub({one()}, {number}, {self.random.randint(-5, 20)})", lambda: f"string.upper({one()})",
            lambda: f"string.reverse({one()})",
            lambda: f"string.len({one()})", lambda: f"string.rep({one()}, {number})", lambda: f"string.byte({one()}, {number})",
            lambda: f"string.char({self.random.randint(-1, 257)}, {one()})", lambda: f"string.format({template}, {one()})",
            lambda: f"string.format('%s %d', S({one()}), {one()})", lambda: f"string.find({one()}, {pattern})",
            lambda: f"string.find({one()}, {one()}, 1, true)",
            lambda: f"string.match({one()}, {pattern})", lambda: f"(string.gsub({one()}, {pattern}, {one()}))",
            lambda: f"{{string.gsub(S({one()}), {pattern}, '<%0>')}}",
            lambda: f"({one()}):len()", lambda: f"S({one()}):lower():sub(1, 20)", lambda: f"#{one()}", lambda: f"redis.sha1hex({one()})",
            lambda: f"{{string.byte({one()}, 1, 5)}}"])()

    def lua_other_function(self, block, depth):
        def one():
            return self.lua_expression(block, depth + 1)
        layout = self.lua_string(self.random.choice(_STRUCTS).encode())
        return self.random.choice([
            lambda: f"tonumber({one()})", lambda: f"tonumber({one()}, {self.random.choice([2, 10])})", lambda: f"S({one()})",
            lambda: f"type({one()})",
            lambda: f"select({self.random.choice([1, 2, -1, 0, 3])}, {one()}, {one()})", lambda: f"{{unpack({one()})}}",
            lambda: f"table.concat({one()}, {one()})",
            lambda: f"table.concat({{{one()}, {one()}}}, ',')", lambda: f"math.floor({one()})", lambda: f"math.max({one()}, {one()})",
            lambda: f"math.abs({one()})",
            lambda: f"math.fmod({one()}, 7)", lambda: f"math.ceil({one()})", lambda: f"math.sqrt(math.abs({one()}))",
            lambda: f"{{math.modf({one()})}}",
            lambda: f"next({self.lua_table(block, depth + 1)})", lambda: f"table.getn({one()})",
            lambda: f"rawget({one()}, {self.random.randint(0, 3)})",
            lambda: f"rawequal({one()}, {one()})", lambda: f"({one()} ~= nil)", lambda: f"loadstring({self.lua_string(self.lua_expression(block, 3).encode('latin-1'))})",
            lambda: f"cjson.encode({one()})", lambda: f"cjson.encode({self.lua_table(block, depth + 1)})", lambda: f"cjson.decode({one()})",
            lambda: f"cjson.decode(cjson.encode({one()}))", lambda: f"cjson.decode({self.lua_string(self.json(0).encode())})",
            lambda: f"cmsgpack.pack({one()})", lambda: f"cmsgpack.pack({one()}, {self.lua_table(block, depth + 1)})",
            lambda: f"cmsgpack.unpack({one()})",
            lambda: f"{{cmsgpack.unpack(cmsgpack.pack({one()}, {one()}))}}", lambda: f"cmsgpack.unpack({self.lua_string(self.random.randbytes(self.random.randint(0, 9)))})",
            lambda: f"struct.pack({layout}, {one()}, {one()})", lambda: f"{{struct.unpack({layout}, {one()})}}",
            lambda: f"{{struct.unpack({layout}, struct.pack({layout}, {one()}, {one()}))}}", lambda: f"struct.size({layout})",
            lambda: f"bit.{self.random.choice(['band', 'bor', 'bxor'])}({one()}, {one()})",
            lambda: f"bit.{self.random.choice(['bnot', 'tobit', 'tohex', 'bswap'])}({one()})",
            lambda: f"bit.{self.random.choice(['lshift', 'rshift', 'arshift', 'rol', 'ror'])}({one()}, {self.random.randint(-40, 40)})"])()

    def json(self, depth):
        kind = self.random.random()
        if depth > 2 or kind < 0.5:
            return self.random.choice(["1", "-2.5", "1e3", "true", "false", "null", '"text"', '"\\u00e9\\n"', '""', "nul", "0x10", "01",
                                       "-", '"open', "12345678901234567890"])
        parts = [self.json(depth + 1) for _ in range(self.random.randint(0, 3))]
        if kind < 0.75:
            return "[" + ", ".join(parts) + "]"
        return "{" + ",".join(f'"{self.random.choice("abc")}{i}":{part}' for i, part in enumerate(parts)) + self.random.choice(["}"] * 9 + [",}"])

    def lua_operation(self, block, depth):
        one, other = self.lua_expression(block, depth + 1), self.lua_expression(block, depth + 1)
        operator = self.random.choice(["+", "-", "*", "/", "%", "..", "..", "==", "~=", "<", "<=", ">", "and", "or"])
        kind = self.random.random()
        if kind < 0.06:
            return f"(({one} % 1000) ^ {self.random.randint(0, 3)})"
        if kind < 0.12:
            return f"(not {one})"
        if kind < 0.16:
            return f"(-{one})"
        if operator in ("..", "*", "+", "-", "/", "%") and self.random.random() < 0.6:  # mostly right
            wrap = "S" if operator == ".." else "N"
            return f"({wrap}({one}) {operator} {wrap}({other}))"
        return f"({one} {operator} {other})"

    def lua_expression(self, block, depth=0):
        kind = self.random.random()
        if depth > 3 or kind < 0.4:
            return self.lua_atom(block)
        if kind < 0.55:
            return self.lua_operation(block, depth)
        if kind < 0.65:
            return self.lua_table(block, depth)
        if kind < 0.69:
            return self.lua_reply(block, depth)
        if kind < 0.83:
            return self.lua_string_function(block, depth)
        if kind < 0.97:
            return self.lua_other_function(block, depth)
        variable = self.random.choice(block.variables) if block.variables else "r"
        return f"{variable}{self.random.choice(['.ok', '.err', '[1]', '[2]', '.map', '.a', '[1][1]', '.x.y'])}"

    # Commands in a script.

    def scripted_request(self):
        """A request of any family, and whether its reply is sure to be the same on both sides."""
        import generator  # which knows all families: not before it is complete
        if self.random.random() < 0.04:
            return self.random.choice(_DENIED), True
        rows = [row for row in type(self).COMMANDS if row[0] not in _METHODS and row[0].__name__ not in ("transaction", "subscription")]
        methods, weights = zip(*rows)
        while True:
            request = self.noise(self.random.choices(methods, weights)[0](self))
            name = request[0].upper()
            if sum(map(len, request)) > 6000 or len(request) > 200 or not self.is_possible(request):
                continue
            return request, name not in (_VAGUE | generator.BY_CHANCE | set(generator.UNORDERED) | set(generator.TIMELESS))

    def lua_argument(self, block, data):
        """One argument of a command as Lua."""
        kind = self.random.random()
        # A function is called with other arguments, which may be no keys of the one slot.
        if self.one_slot and block.arguments[1] == "args" and len(data) <= 80:
            return self.lua_string(data)
        if len(data) > 80 or kind < 0.3:
            self.script_arguments.append(data)
            return f"{block.arguments[1]}[{len(self.script_arguments)}]"
        if kind < 0.4 and data in self.script_keys:
            return f"{block.arguments[0]}[{self.script_keys.index(data) + 1}]"
        if data.isdigit() and kind < 0.6 and len(data) < 10 and str(int(data)).encode() == data:
            return data.decode()
        return self.lua_string(data)

    def lua_command(self, block):
        request, is_sure = self.scripted_request()
        function = self.random.choice(["redis.call"] + ["redis.pcall"] * 3)
        if self.random.random() < 0.15 and len(request) < 60:
            first = len(self.script_arguments) + 1
            self.script_arguments += request
            call = f"{function}(unpack({block.arguments[1]}, {first}, {first + len(request) - 1}))"
        else:
            arguments = [self.lua_argument(block, part) for part in request]
            if self.random.random() < 0.05 and request[0].upper() not in _EXPIRING and not self.one_slot:
                arguments[self.random.randrange(len(arguments))] = self.lua_expression(block, 2)
            call = f"{function}({', '.join(arguments)})"
        return call if is_sure else f"type({call})"

    # Statements.

    def lua_new_variable(self, block, value):
        name = f"v{len(block.variables) + 1}" if block.depth == 0 else f"{'wxyz'[min(block.depth, 4) - 1]}{len(block.variables) + 1}"
        block.lines.append(f"local {name} = {value}")
        block.variables.append(name)

    def lua_inner(self, block, most=3, extra=()):
        inner = _Block([*block.variables, *extra], block.depth + 1, block.arguments)
        for _ in range(self.random.randint(1, most)):
            self.lua_statement(inner)
        return inner.lines

    def lua_statement(self, block):
        kind = self.random.random()
        if kind < 0.4 or (block.depth > 2 and kind < 0.9):
            if self.random.random() < 0.7:
                self.lua_new_variable(block, self.lua_command(block))
                if self.random.random() < 0.7:
                    block.lines.append(f"r[#r + 1] = {block.variables[-1]}")
            else:
                block.lines.append(f"r[#r + 1] = {self.lua_command(block)}")
        elif kind < 0.5:
            self.lua_new_variable(block, self.lua_protected_expression(block))
        elif kind < 0.68:
            block.lines.append(f"r[#r + 1] = {self.lua_protected_expression(block)}")
        elif kind < 0.73:
            block.lines += [f"if {self.lua_expression(block)} then", *self.lua_inner(block)]
            block.lines += ["else", *self.lua_inner(block), "end"] if self.random.random() < 0.5 else ["end"]
        elif kind < 0.78:
            block.lines += [f"for i = {self.random.randint(0, 2)}, {self.random.randint(0, 6)} do", *self.lua_inner(block, 2, ["i"]), "end"]
        elif kind < 0.81:
            block.lines += [f"for i, e in ipairs({self.lua_expression(block)}) do", "if i > 5 then break end", *self.lua_inner(block, 2,
                                                                                                                               ["i", "e"]), "end"]
        elif kind < 0.83:
            block.lines += [f"for k, e in pairs({self.lua_table(block, 1)}) do", "r[#r + 1] = {k, e}", "end"]
        elif kind < 0.91:
            self.lua_protected(block)
        elif kind < 0.93:
            block.lines += ["local function f(a, b)", *self.lua_inner(block, 2, ["a", "b"]), "return a", "end",
                            f"r[#r + 1] = f({self.lua_expression(block)}, {self.lua_expression(block)})"]
        elif kind < 0.945:
            block.lines += [f"do local c = coroutine.create(function(a) local b = coroutine.yield({self.lua_expression(block)})",
                            *self.lua_inner(block, 1, ["a"]),
                            "return b end)", "r[#r + 1] = {coroutine.resume(c, 1)} r[#r + 1] = {coroutine.resume(c, 2)}",
                            "r[#r + 1] = coroutine.status(c) end"]
        elif kind < 0.965:
            block.lines.append(f"do local t = {{{', '.join(self.lua_number() for _ in range(self.random.randint(0, 9)))}}} table.sort(t) r[#r + 1] = table.concat(t, ' ') end")
        elif kind < 0.975:
            block.lines.append(f"redis.setresp({self.random.choice([2, 3, 3, 3, 4])})")
        elif kind < 0.985:
            block.lines.append(f"do return {self.lua_expression(block)} end")
        else:
            block.lines.append(self.lua_failure(block))

    def lua_failure(self, block):
        text = f"S({self.lua_expression(block, 2)})"
        return self.random.choice([
            f"error({text})", f"error({text}, {self.random.randint(0, 3)})", f"error({{err = {text}}})", f"error(redis.error_reply({text}))",
            f"assert({text} == 'x', {text})",
            "undefined = 1", "undefined()", "local n = nil; n.x = 1", "redis.call()", "string.x = 1", "return nosuch", "error('MY ' .. 'error', 0)"])

    def lua_protected_expression(self, block):
        """Seldom one whose failure ends the script."""
        return f"P(function() return {self.lua_expression(block)} end)" if self.random.random() < 0.85 else self.lua_expression(block)

    def lua_protected(self, block):
        """What fails inside does not end the script."""
        inner = self.lua_inner(block, 3)
        if self.random.random() < 0.4:
            inner.append(self.lua_failure(block))
        handler = self.random.random() < 0.2
        block.lines += [f"do local ok, e = {'xpcall' if handler else 'pcall'}(function()", *inner,
                        "end" + (", function(m) return {S(m)} end" if handler else "") + ")"]
        block.lines += ["r[#r + 1] = {ok, S(e), type(e) == 'table' and e.err or false} end"]

    def lua_body(self, arguments):
        """The lines of a script, which leave what is to be sent in script_keys and script_arguments."""
        self.script_keys = self.some_keys(0, 3)
        self.script_arguments = [self.value() for _ in range(self.random.randint(0, 3))]
        block = _Block([], 0, arguments)
        block.lines += [_TEXT, _PROTECTED, "local function N(v) return tonumber(v) or 7 end", "local r = {}"]
        if self.random.random() < 0.2:
            block.lines.append("redis.setresp(3)")
        for _ in range(self.random.choice([1, 2, 3, 4, 6, 8])):
            self.lua_statement(block)
        block.lines.append(self.random.choice(["return r"] * 8 + ["return cjson.encode(r)", "return #r", "return r[1]",
                                                                  f"return {self.lua_expression(block)}",
                                                                 f"return {self.lua_reply(block, 0)}", "return unpack(r)",
                                                                 f"return {self.lua_command(block)}"]))
        if self.random.random() < 0.01:
            block.lines[self.random.randrange(len(block.lines))] = self.random.choice(["end", "x =", "local", "return 1 2", "'"])
        return block.lines

    def with_keys(self, request):
        keys = getattr(self, "script_keys", [])
        # What a script takes for keys from its arguments is in the one slot only as long as it gets those it was made with.
        count = str(len(keys)).encode() if self.one_slot or self.random.random() < 0.98 else self.integer(-2, 8)
        return [*request, count, *keys, *getattr(self, "script_arguments", [])]

    # Requests.

    def script_eval(self):
        lines = self.lua_body(("KEYS", "ARGV"))
        if self.random.random() < 0.08:
            lines.insert(0, self.random.choice(_SHEBANGS))
        script = "\n".join(lines).encode("latin-1")
        self.scripts_sent = [*getattr(self, "scripts_sent", [])[-20:], script]
        arguments = {**getattr(self, "arguments_sent", {}), script: (self.script_keys, self.script_arguments)}
        self.arguments_sent = {sent: arguments[sent] for sent in self.scripts_sent}
        return self.with_keys([self.random.choice([b"EVAL"] * 8 + [b"EVAL_RO"]), script])

    def script_again(self):
        sent = getattr(self, "scripts_sent", [])
        script = self.random.choice(sent) if sent else b""
        digest = hashlib.sha1(script).hexdigest().encode()
        self.script_keys, self.script_arguments = self.some_keys(0, 3), [self.value() for _ in range(self.random.randint(0, 9))]
        if self.one_slot and sent:
            self.script_keys, self.script_arguments = self.arguments_sent[script]
        if self.random.random() < 0.1:
            digest = self.random.choice([digest.upper(), digest[:39], b"", digest + b"0"])
        return self.with_keys([self.random.choice([b"EVALSHA"] * 8 + [b"EVALSHA_RO"]), digest])

    def script_manage(self):
        sent = getattr(self, "scripts_sent", [b"return 1"])
        choice = self.random.random()
        if choice < 0.5:
            return [b"SCRIPT", b"LOAD", self.random.choice([*sent, b"return 1", b"x =", b""])]
        if choice < 0.9:
            return [b"SCRIPT", b"EXISTS", *(hashlib.sha1(self.random.choice(sent)).hexdigest().encode() for _ in range(self.random.randint(1, 3)))]
        return [b"SCRIPT", *self.random.choice([[b"FLUSH"], [b"FLUSH", b"SYNC"], [b"FLUSH", b"X"], [b"KILL"], [b"NOSUCH"], [b"EXISTS"],
                                                [b"FLUSH", b"ASYNC"]])]

    def library_function_name(self):
        return f"f{self.random.randint(1, 8)}"

    def library_code(self, may_clash=True):
        """Two functions at most, and at most one that another library may have: Redis names any of those that clash."""
        number = self.random.randint(1, 4)
        name = f"lib{number}"
        first = self.random.choice([f"#!lua name={name}"] * 20 + ["#!lua", f"#!php name={name}", f"lua name={name}",
                                                                  f"#!lua name={name} x=y", "#!lua name=a-b"])
        lines = [first, "local shared = 0"]
        functions = [f"f{2 * number - 1}", f"f{2 * number}"]
        for function in functions[:self.random.choice([0, 1, 1, 2, 2])]:
            if may_clash and self.random.random() < 0.03:
                function, may_clash = self.library_function_name(), False
            body = self.lua_body(("keys", "args"))
            if self.random.random() < 0.3:
                body.insert(4, "shared = shared + 1 r[1] = shared")
            if self.random.random() < 0.6:
                lines += [f"redis.register_function('{function}', function(keys, args)", *body, "end)"]
                continue
            flags = ", ".join(f"'{flag}'" for flag in self.random.sample(_FUNCTION_FLAGS, self.random.randint(0, 3)))
            lines += ["redis.register_function{", f"function_name = '{function}',", f"flags = {{{flags}}},",
                      f"description = {self.lua_string(self.value()[:20])},",
                      "callback = function(keys, args)", *body, "end}"]
        if self.random.random() < 0.05:
            lines.append(self.random.choice(["redis.register_function('a b', function() end)", "redis.register_function('f')", "nosuch()",
                                             "redis.call('PING')", "x = 1",
                                             "redis.register_function{callback = function() end}", "return", "x ="]))
        return "\n".join(lines).encode("latin-1")

    def function_load(self):
        option = self.random.choice([[self.case(b"REPLACE")]] * 8 + [[], [b"X"]])
        return [b"FUNCTION", self.case(b"LOAD"), *option, self.library_code()]

    def function_call(self):
        self.script_keys, self.script_arguments = self.some_keys(0, 3), [self.value() for _ in range(self.random.randint(0, 9))]
        if self.random.random() < 0.3:  # a command for what the function takes from its arguments
            self.script_arguments = list(self.scripted_request()[0])[:30]
        return self.with_keys([self.random.choice([b"FCALL"] * 5 + [b"FCALL_RO"]), self.library_function_name().encode()])

    def function_manage(self):
        name = self.random.choice([b"lib1", b"lib2", b"lib3", b"lib4", b"x"])
        choice = self.random.random()
        if choice < 0.35:
            return [b"FUNCTION", b"LIST", *self.random.choice([[], [b"WITHCODE"], [b"LIBRARYNAME", name],
                                                               [b"LIBRARYNAME", b"lib*", b"WITHCODE"], [b"X"], [b"LIBRARYNAME"]])]
        if choice < 0.5:
            return [b"FUNCTION", b"DELETE", name]
        if choice < 0.65:
            return [b"FUNCTION", self.random.choice([b"STATS", b"DUMP", b"KILL"])]
        if choice < 0.7:
            return [b"FUNCTION", b"FLUSH", *self.random.choice([[], [b"ASYNC"], [b"X"]])]
        policy = self.random.choice([[], [b"REPLACE"], [b"REPLACE"], [b"FLUSH"], [b"APPEND"], [b"X"]])
        most = 2 if policy == [b"FLUSH"] else 1
        body = b"".join(b"\xf5" + rdb.string(self.library_code(most == 1)) for _ in range(self.random.randint(0, most)))
        return [b"FUNCTION", b"RESTORE", rdb.with_footer(body + (b"\x01" if self.random.random() < 0.05 else b"")), *policy]


def _without_order(reply):
    """What FUNCTION answers: libraries are listed, and written to a payload, in the order of a hash table."""
    if isinstance(reply, dict):
        return sorted(((key, _without_order(value)) for key, value in reply.items()), key=repr)
    if isinstance(reply, list):
        return sorted((_without_order(value) for value in reply), key=repr)
    if isinstance(reply, bytes) and reply.startswith(b"\xf5"):
        return len(reply)
    return reply


COMMANDS = [(ScriptingRequests.script_eval, 80), (ScriptingRequests.script_again, 8), (ScriptingRequests.script_manage, 2),
            (ScriptingRequests.function_load, 4), (ScriptingRequests.function_call, 12), (ScriptingRequests.function_manage, 2)]
_METHODS = {row[0] for row in COMMANDS}
TIMELESS = {b"FUNCTION": _without_order}
