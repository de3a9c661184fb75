"""Tests written in Python with keyway_testing, run by the machine's python3 (rules for Python are not needed)."""

def keyway_python_test(name, main, shard = False, proxy = False, data = [], env = {}, **kwargs):
    """A test target.

    Args:
      name: of the target
      main: the script
      shard: whether it needs keyway-shard
      proxy: whether it needs keyway-proxy
      data: further files
      env: further environment variables, $(rootpath ...) is expanded
      **kwargs: as for sh_test (size, tags, timeout)
    """
    binaries = {}
    if shard:
        binaries["KEYWAY_SHARD"] = "//shard:keyway-shard"
    if proxy:
        binaries["KEYWAY_PROXY"] = "//proxy:keyway-proxy"
    native.sh_test(
        name = name,
        srcs = ["//tests/support/keyway_testing:run_python_test.sh"],
        args = ["$(rootpath %s)" % main],
        data = data + [main, "//tests/support/keyway_testing"] + binaries.values(),
        env = dict(env, **{variable: "$(rootpath %s)" % label for variable, label in binaries.items()}),
        **kwargs
    )
