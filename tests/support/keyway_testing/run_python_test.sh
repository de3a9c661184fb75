#!/bin/sh
# Runs a Python test from Bazel's runfiles: the first argument is the script, the rest goes to it.
export PYTHONPATH="$PWD/tests/support" PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$@"
