// Prints what a million keys cost in Keyway's keyspace, in bytes a key as jemalloc counts them:
//
//   memory_per_key [keys [expiry]]    keys and values of 16 bytes; with any third word, keys expire
#include <jemalloc/jemalloc.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"

namespace keyway::shard::keyspace {
namespace {

size_t AllocatedBytes() {
  uint64_t epoch = 1;
  size_t length = sizeof(epoch);
  mallctl("epoch", &epoch, &length, &epoch, length);
  size_t allocated = 0;
  length = sizeof(allocated);
  mallctl("stats.allocated", &allocated, &length, nullptr, 0);
  return allocated;
}

void Measure(int keys, bool with_expiry) {
  Random random(1);
  const Clock& clock = SystemClock::Instance();
  Keyspace keyspace(1, clock, random);
  const int64_t now_ms = clock.WallMillis();
  const size_t before = AllocatedBytes();
  char text[32];
  for (int i = 0; i < keys; ++i) {
    std::snprintf(text, sizeof(text), "key:%012d", i);
    const std::string_view sixteen(text, 16);
    keyspace.database(0).Set(Key(sixteen), Value::Embedded(sixteen),
                             with_expiry ? now_ms + 1'000'000'000 : kNoExpiry, now_ms, Event::kSet);
  }
  std::printf("%.1f\n", static_cast<double>(AllocatedBytes() - before) / keys);
}

}  // namespace
}  // namespace keyway::shard::keyspace

int main(int argc, char** argv) {
  const int keys = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  if (keys <= 0) {
    std::fprintf(stderr, "usage: %s [keys [expiry]]\n", argv[0]);
    return 2;
  }
  keyway::shard::keyspace::Measure(keys, argc > 2);
  return 0;
}
