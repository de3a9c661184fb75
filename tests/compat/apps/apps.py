"""Runs the applications of this folder."""

import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
_INTERPRETERS = {".py": "/usr/bin/python3", ".js": "node", ".rb": "ruby"}


def run_app(name, ports, *arguments):
    """Runs one of the programs with HOST PORT[,PORT] ARGUMENTS; raises with its output when it fails."""
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    if name.endswith(".js"):
        modules = os.environ.get("KEYWAY_NODE_MODULES")
        if not modules:
            raise AssertionError("KEYWAY_NODE_MODULES does not say where the npm clients are: run tests/run")
        environment["NODE_PATH"] = modules
    command = [_INTERPRETERS[pathlib.Path(name).suffix], str(HERE / name), "127.0.0.1", ",".join(map(str, ports)), *arguments]
    done = subprocess.run(command, env=environment, timeout=240, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False)
    if done.returncode != 0 or not done.stdout.rstrip().endswith("ok"):
        raise AssertionError(f"{name} failed with code {done.returncode}:\n{done.stdout[-8000:]}")
