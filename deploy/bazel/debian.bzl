"""Libraries that Debian ships: their headers lie in the compiler's own path, so a link option is all they need."""

def _debian_library_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    ctx.file("BUILD.bazel", """
cc_library(
    name = "{name}",
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
""".format(name = ctx.name, linkopts = ctx.attr.linkopts))

debian_library = repository_rule(
    implementation = _debian_library_impl,
    attrs = {"linkopts": attr.string_list()},
)
