"""What of tests/compat/cases is not compared through a proxy, by name, each with its reason.

tests/compat/proxy_cases_test.py fails when a name here is in no case file. To see which exclusions still differ:
KEYWAY_EXCLUDED=1 runs nothing but them.
"""

# Whole files.
FILES = {
}

# Cases: file, title.
CASES = {
}

# Single lines of cases: file, title, line.
LINES = {
}

# Cases that hold before shards, but not before redis-server nodes.
REDIS_CASES = {
}
