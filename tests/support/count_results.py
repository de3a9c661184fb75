#!/usr/bin/env python3
"""Counts the test cases of the Bazel runs that tests/run made.

Reads, for each NAME.json (a build event file) and NAME.code (Bazel's exit code) in the folder given, the test
targets and, of each, the test.xml that the test wrote. Prints what failed and, as its last line, "N passed, N failed".
A target that could not be built, timed out or left no readable result counts as one failure, and so does a run
that failed without saying which test did.
"""

import json
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree


def cases_of(path):
    """(passed, failed names) of one test.xml."""
    passed, failed = 0, []
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        if case.get("status") == "notrun" or case.find("skipped") is not None:
            continue
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f'{case.get("classname", "")}.{case.get("name", "")}')
        else:
            passed += 1
    return passed, failed


def count_run(events_path):
    """(passed, failed descriptions) of one Bazel run."""
    passed, failed, counted = 0, [], set()
    events = [json.loads(line) for line in events_path.read_text().splitlines() if line.strip()]
    for event in events:
        result = event.get("testResult")
        if result is None:
            continue
        label = event["id"]["testResult"]["label"]
        counted.add(label)
        cases, bad = 0, []
        for output in result.get("testActionOutput", []):
            if output.get("name") == "test.xml":
                try:
                    cases, bad = cases_of(urllib.parse.unquote(output["uri"].removeprefix("file://")))
                except (OSError, xml.etree.ElementTree.ParseError) as error:
                    bad = [f"unreadable result: {error}"]
        if result.get("status") != "PASSED" and not bad:
            bad = [result.get("status", "no status")]
        if result.get("status") == "PASSED" and not bad and cases == 0:
            bad = ["ran no test"]
        passed += cases
        failed += [f"{label}: {name}" for name in bad]
    for event in events:
        label = event.get("id", {}).get("targetCompleted", {}).get("label")
        if label and label not in counted and not event.get("completed", {}).get("success"):
            failed.append(f"{label}: was not built or not run")
    return passed, failed


def main(folder):
    passed, failed = 0, []
    for events_path in sorted(pathlib.Path(folder).glob("*.json")):
        run = events_path.stem
        run_passed, run_failed = count_run(events_path)
        code = events_path.with_suffix(".code").read_text().strip()
        if code != "0" and not run_failed:
            run_failed = [f"bazel ended with code {code}"]
        if run_passed == 0 and not run_failed:
            run_failed = ["no test was run"]
        passed += run_passed
        failed += [f"{run}: {text}" for text in run_failed]
    if passed == 0 and not failed:
        failed = ["no run left a result"]
    for text in failed:
        print(f"FAILED {text}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
