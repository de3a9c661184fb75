"""A shard whose disk fails when a test says so, and the questions that tests ask of it."""

import os
import pathlib

import keyway_testing as kt

MISCONF_SNAPSHOT = (b"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
                    b"Commands that may modify the data set are disabled, because this instance is configured to report errors "
                    b"during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs "
                    b"for details about the RDB error.\r\n")


class FaultyShard(kt.KeywayShard):
    """See tests/support/files/faulty_file_system.h for rules: shard.fail("write ENOSPC .rdb")."""

    def __init__(self, **directives):
        super().__init__(**{"enable_debug_command": "yes", "save": "", "hz": 50, **directives})
        self.control = os.path.join(self.folder, "faults")

    def command(self):
        program = pathlib.Path(os.environ["KEYWAY_FAULTY_SHARD"]).absolute()
        return ["/usr/bin/env", f"KEYWAY_FAULTS={self.control}", str(program), *super().command()[1:]]

    def fail(self, *rules):
        """These rules hold from the next operation on, instead of those before."""
        with open(self.control + ".new", "w") as file:
            file.write("".join(rule + "\n" for rule in rules))
        os.replace(self.control + ".new", self.control)

    def heal(self):
        self.fail()

    def path(self, *names):
        return pathlib.Path(self.folder, *names)

    def contents(self):
        """The bytes of all files of the append-only file, by name."""
        return {path.name: path.read_bytes() for path in self.path("appendonlydir").iterdir()}

    def leftovers(self):
        """Temporary files that nobody needs any more."""
        return sorted(path.name for path in self.path().rglob("*temp*"))


class FaultsTestCase(kt.TestCase):
    def wait_info(self, server, field, value, timeout=20):
        return kt.wait_until(lambda: server.info("persistence")[field] == value, timeout=timeout, what=f"{field}:{value}")

    def wait_saved(self, server, outcome):
        self.wait_info(server, "rdb_bgsave_in_progress", "0")
        self.assertEqual(server.info("persistence")["rdb_last_bgsave_status"], outcome)

    def restart(self, server, disk_is_well=True):
        """kill -9, start."""
        server.kill()
        if disk_is_well and isinstance(server, FaultyShard):
            server.heal()
        server.start()

    def start_fails(self, server):
        """Starts a server that ends by itself with code 1; what it said."""
        self.addCleanup(server.cleanup)
        server.start(wait=False)
        self.assertEqual(server.wait(), 1)
        return server.output()
