"""The test case that stops what it started, and a main that tells Bazel about every single test."""

import os
import shutil
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree


def wait_until(condition, timeout=10.0, what="the condition", interval=0.02):
    """Calls `condition` until it returns something true, which is returned; AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what}")
        time.sleep(interval)


class TestCase(unittest.TestCase):
    maxDiff = None

    def start(self, server, wait=True):
        """Starts a server that is ended when the test is over; its log is shown when the test failed."""
        self.addCleanup(self._end, server)
        return server.start(wait)

    def temporary_folder(self):
        """The path of an empty folder that is removed when the test is over."""
        folder = tempfile.mkdtemp(prefix="keyway-test-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _end(self, server):
        outcome = getattr(self, "_outcome", None)
        result = getattr(outcome, "result", None)
        broken = result is not None and any(test is self for test, _ in result.errors + result.failures)
        if broken or (outcome is not None and not outcome.success):
            print(f"--- log of {type(server).__name__} on port {server.port}:\n{server.output()[-8000:]}", file=sys.stderr)
        server.cleanup()


class _TimedResult(unittest.TextTestResult):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.seconds = {}

    def startTest(self, test):
        self.seconds[test.id()] = -time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        self.seconds[test.id()] += time.monotonic()
        super().stopTest(test)


def _write_xml(path, result):
    """test.xml as Bazel and JUnit readers know it: one testcase a test."""
    suite = xml.etree.ElementTree.Element("testsuite", name=sys.argv[0])
    bad = {test.id(): text for test, text in result.failures + result.errors}
    skipped = {test.id(): reason for test, reason in result.skipped}
    for name in sorted(set(result.seconds) | set(bad)):
        classname, _, method = name.rpartition(".")
        case = xml.etree.ElementTree.SubElement(suite, "testcase", classname=classname, name=method,
                                                time=f"{result.seconds.get(name, 0.0):.3f}")
        if name in bad:
            text = "".join(c if c.isprintable() or c == "\n" else "?" for c in bad[name])
            xml.etree.ElementTree.SubElement(case, "failure", message="failed").text = text
        elif name in skipped:
            xml.etree.ElementTree.SubElement(case, "skipped", message=skipped[name])
    xml.etree.ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main():
    """Runs the tests of the calling script; arguments name some of them (Class.test), as with unittest."""
    runner = unittest.TextTestRunner(verbosity=2, resultclass=_TimedResult)
    program = unittest.main(module="__main__", testRunner=runner, exit=False)
    path = os.environ.get("XML_OUTPUT_FILE")
    if path:
        _write_xml(path, program.result)
    ran = program.result.testsRun > 0
    sys.exit(0 if ran and program.result.wasSuccessful() else 1)
