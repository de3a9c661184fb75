// Asks Prometheus's own tool whether a scrape is well-formed and well-named.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace keyway::metrics {

inline bool HavePromtool() {
  return access("/usr/bin/promtool", X_OK) == 0;
}

// What promtool complains about: errors and lint warnings; empty when all is well.
inline std::string Promtool(const std::string& text) {
  const char* folder = std::getenv("TEST_TMPDIR");
  const std::string base =
      std::string(folder == nullptr ? "/tmp" : folder) + "/scrape-" + std::to_string(getpid());
  std::ofstream(base + ".in") << text;
  const int status = std::system(
      ("/usr/bin/promtool check metrics < " + base + ".in > " + base + ".out 2>&1").c_str());
  std::ostringstream output;
  output << std::ifstream(base + ".out").rdbuf();
  std::remove((base + ".in").c_str());
  std::remove((base + ".out").c_str());
  if (status != 0) output << "exit status " << status;
  std::string complaint = output.str();
  // An empty file cannot be streamed: nothing to complain about leaves nothing.
  return complaint;
}

}  // namespace keyway::metrics
