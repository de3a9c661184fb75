"""Rewrites requests so that all their keys lie in one slot: `foo` becomes `{tag}foo`, wherever a key is named. A key that begins
with the tag stays as it is: a case may write it so where the name is a channel, too.

redis-server says which arguments are keys (COMMAND GETKEYS). What it does not see is here: patterns over keys, the channels
of keyspace events, shard channels, and keys that scripts name in their code. Replies that name keys stay comparable when
both servers get the rewritten requests.
"""

import re

# Where these have code.
_CODE = {b"EVAL": 1, b"EVAL_RO": 1}
_CODE_OF_SUBCOMMAND = {(b"SCRIPT", b"LOAD"): 2, (b"FUNCTION", b"LOAD"): -1}
_SHARD_CHANNELS = {(b"SSUBSCRIBE",): slice(1, None), (b"SUNSUBSCRIBE",): slice(1, None), (b"SPUBLISH",): slice(1, 2),
                   (b"PUBSUB", b"SHARDNUMSUB"): slice(2, None), (b"PUBSUB", b"SHARDCHANNELS"): slice(2, 3)}
_DEBUG_OF_KEYS = {(b"DEBUG", name): slice(2, 3) for name in (b"OBJECT", b"SDSLEN", b"LISTPACK", b"ZIPLIST", b"QUICKLIST", b"HTSTATS-KEY")} | \
    {(b"DEBUG", b"DIGEST-VALUE"): slice(2, None)}
_CHANNELS = {b"SUBSCRIBE", b"UNSUBSCRIBE", b"PSUBSCRIBE", b"PUNSUBSCRIBE", b"PUBLISH"}
_KEYSPACE_CHANNEL = re.compile(rb"(__keyspace@[^_]*__:)([^*].*)", re.DOTALL)
_CALL = re.compile(rb"redis\.p?call\s*[,(]\s*")
_LITERAL = re.compile(rb"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
_PROBE = b"is this argument a key?"


def _end_of_argument(code, at):
    """Where the expression ends that begins at `at`: the place of its ',' or ')'."""
    depth = 0
    while at < len(code):
        literal = _LITERAL.match(code, at)
        if literal:
            at = literal.end()
            continue
        char = code[at:at + 1]
        if depth == 0 and char in b",)":
            return at
        depth += (char in b"([{") - (char in b")]}")
        at += 1
    return at


class KeysInOneSlot:
    """`client`: a connection to a redis-server that takes no part in the comparison."""

    def __init__(self, client, tag):
        self.client, self.prefix = client, b"{%s}" % tag.encode()
        self._known = {}

    def adapt(self, words):
        """The request with its keys in the slot of the tag."""
        request = tuple(words)
        if request not in self._known:
            self._known[request] = self._adapted(list(words))
        return self._known[request]

    def adapt_code(self, code):
        """A script with the keys in it that calls name as literals."""
        parts, done = [], 0
        for call in _CALL.finditer(code):
            at, spans, words = call.end(), [], []
            while True:
                end = _end_of_argument(code, at)
                text = code[at:end].strip()
                literal = _LITERAL.fullmatch(text)
                start = at + code[at:end].find(text)
                spans.append((start, start + len(text)) if literal else None)
                words.append((literal[1] or literal[2] or b"") if literal else text if text.isdigit() else b"1")
                if code[end:end + 1] != b",":
                    break
                at = end + 1
            adapted = self.adapt(words) if spans[0] else words
            for span, old, new in zip(spans, words, adapted):
                if span is not None and new != old and span[0] >= done:
                    quote = code[span[0]:span[0] + 1]
                    parts += [code[done:span[0]], quote, new, quote]
                    done = span[1]
        return b"".join(parts) + code[done:]

    def _adapted(self, words):
        if not words:
            return words
        name, names = words[0].upper(), tuple(word.upper() for word in words[:2])
        for at in self._keys(words):
            words[at] = self._tagged(words[at])
        code = _CODE.get(name, _CODE_OF_SUBCOMMAND.get(names))
        if code is not None and len(words) > code:
            words[code] = self.adapt_code(words[code])
        others = _SHARD_CHANNELS.get(names[:1]) or _SHARD_CHANNELS.get(names) or _DEBUG_OF_KEYS.get(names)
        if others is not None:
            words[others] = [self._pattern(word) for word in words[others]]
        if name in (b"FCALL", b"FCALL_RO") and len(words) > 3 and words[2].isdigit():
            # What a function gets behind its keys may be a command to call, or code.
            rest = 3 + int(words[2])
            words[rest:] = [self.adapt_code(word) for word in self._adapted(words[rest:])]
        if name in _CHANNELS:
            words = [_KEYSPACE_CHANNEL.sub(lambda found: found[1] + self.prefix + found[2], word) for word in words]
        if name == b"KEYS" and len(words) == 2:
            words[1] = self._pattern(words[1])
        for at in range(2, len(words)):
            option = words[at - 1].upper()
            if (name == b"SCAN" and option == b"MATCH") or \
                    (name in (b"SORT", b"SORT_RO") and ((option == b"BY" and b"*" in words[at]) or (option == b"GET" and words[at] != b"#"))):
                words[at] = self._pattern(words[at])
        return words

    def _tagged(self, key):
        return key if key.startswith(self.prefix) else self.prefix + key

    def _pattern(self, pattern):
        return pattern if pattern.startswith(b"*") else self._tagged(pattern)

    def _keys(self, words):
        """The positions of the keys in a request. GETKEYS gives their names: those that change when an argument does are at its place."""
        if words[0].upper() == b"COMMAND":
            return []
        names = self.client.value("COMMAND", "GETKEYS", *words)
        if not isinstance(names, list):
            return []
        candidates = [at for at in range(1, len(words)) if words[at] in names]
        if len(candidates) == len(names):
            return candidates
        return [at for at in candidates
                if _PROBE in (self._names(words[:at] + [_PROBE] + words[at + 1:]))]

    def _names(self, words):
        names = self.client.value("COMMAND", "GETKEYS", *words)
        return names if isinstance(names, list) else []
