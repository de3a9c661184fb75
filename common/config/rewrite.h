// CONFIG REWRITE: what a configuration file becomes when the values of a registry are written into
// it, following Redis 7.0's rules.
#pragma once

#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "common/config/registry.h"

namespace keyway::config {

// The new text of a file that says `old_text`. Comments, order and lines of directives that have
// not changed stay; lines that nothing needs any more become empty, several empty lines become one;
// lines that cannot be understood become comments ("# ??? ..."). A missing file is an empty text.
std::string RewriteText(const Registry& registry, std::string_view old_text);

// Replaces `path` by its rewritten text, at once: a crash leaves the old file or the new one. Keeps
// the permissions. Error: the reason alone.
Status RewriteFile(const Registry& registry, const std::string& path);

}  // namespace keyway::config
