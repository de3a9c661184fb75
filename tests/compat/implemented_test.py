#!/usr/bin/python3
"""A shard has every command and subcommand of redis-server but those listed here, and answers COMMAND about them alike."""

import keyway_testing as kt

# By the feature that is missing.
EXCLUDED = {
    "ACL rules": {
        "acl", "acl|cat", "acl|deluser", "acl|dryrun", "acl|genpass", "acl|getuser", "acl|help", "acl|list", "acl|load", "acl|log",
        "acl|save", "acl|setuser", "acl|users", "acl|whoami"},
    "modules": {"module", "module|help", "module|list", "module|load", "module|loadex", "module|unload"},
}


def names(server):
    """All commands and subcommands, by COMMAND."""
    found = set()
    for row in server.value("COMMAND"):
        found.add(row[0].decode())
        found |= {subcommand[0].decode() for subcommand in row[9]}
    return found


class ImplementedTest(kt.TestCase):
    def setUp(self):
        self.excluded = set().union(*EXCLUDED.values())
        self.theirs = self.start(kt.RedisServer())
        self.ours = self.start(kt.KeywayShard())

    def test_what_is_missing_is_known(self):
        excluded, theirs, ours = self.excluded, names(self.theirs), names(self.ours)
        self.assertEqual(sorted(theirs - ours - excluded), [], "missing, but not listed")
        self.assertEqual(sorted(ours - theirs), [], "not in redis-server")
        self.assertEqual(sorted(excluded & ours), [], "listed as missing, but there")
        self.assertEqual(sorted(excluded - theirs), [], "listed, but not in redis-server")

    def test_what_is_there_is_described_alike(self):
        for request in (["COMMAND", "INFO"], ["COMMAND", "DOCS"]):
            for name in sorted(names(self.ours)):
                if "|" in name or any(excluded.startswith(name + "|") for excluded in self.excluded):
                    continue
                with self.subTest((*request, name)), self.theirs.client() as theirs, self.ours.client() as ours:
                    expected, got = (described(client.value(*request, name)) for client in (theirs, ours))
                    self.assertEqual(got, expected)


def described(value):
    """Lists in an order of their own: Redis lists subcommands in the order of a hash table."""
    if isinstance(value, list):
        return sorted((described(item) for item in value), key=repr)
    return value


if __name__ == "__main__":
    kt.main()
