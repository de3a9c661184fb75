// Runs a fuzz target as an ordinary test: every seed as it is, then a bounded number of mutations
// of the seeds, always the same ones, so that a failure is a failure for everybody.
//
// The targets define LLVMFuzzerTestOneInput as libFuzzer wants it. For a real, coverage-guided run
// build a target without this file (all on one line) and give it its seeds:
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -I.
//     tests/fuzz/request_parser_fuzz.cc common/resp/*.cc common/base/output_buffer.cc -lglog
//   ./a.out tests/fuzz/seeds/request_parser
//
// Usage here: <target> [--runs=N] FILE...   Each file is one seed.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kMaxInputBytes = 4096;

void RunOne(const std::string& input) {
  // A block of the exact size, so that a sanitizer sees a read past the end.
  const std::vector<uint8_t> copy(input.begin(), input.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& seeds) : seeds_(seeds) {}

  std::string Next() {
    std::string input = Seed();
    for (size_t changes = 1 + Below(4); changes > 0; --changes) Change(&input);
    input.resize(std::min(input.size(), kMaxInputBytes));
    return input;
  }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : static_cast<size_t>(engine_() % bound); }
  const std::string& Seed() { return seeds_[Below(seeds_.size())]; }
  char Byte() {
    static constexpr std::string_view kLikely("*$+-:%~>|=!_#,(\r\n0123456789\"'\\ \0\xff", 33);
    return Below(4) == 0 ? static_cast<char>(engine_()) : kLikely[Below(kLikely.size())];
  }

  void Change(std::string* input) {
    const size_t at = Below(input->size() + 1);
    switch (Below(7)) {
      case 0:
        input->insert(at, 1, Byte());
        break;
      case 1:
        if (at < input->size()) (*input)[at] = Byte();
        break;
      case 2:
        input->erase(at, 1 + Below(8));
        break;
      case 3:
        input->insert(at, input->substr(Below(input->size() + 1), Below(64)));
        break;
      case 4:
        input->insert(at, Seed());
        break;
      case 5:
        if (at < input->size()) (*input)[at] = static_cast<char>((*input)[at] ^ (1 << Below(8)));
        break;
      default:
        input->insert(at, std::to_string(static_cast<int64_t>(engine_() >> Below(64))));
    }
  }

  const std::vector<std::string>& seeds_;
  std::mt19937_64 engine_{20'071'015};
};

}  // namespace

int main(int argc, char** argv) {
  size_t runs = 200'000;
  std::vector<std::string> seeds;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--runs=")) {
      runs = std::strtoull(argument.c_str() + 7, nullptr, 10);
      continue;
    }
    std::ifstream file(argument, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", argument.c_str());
      return 1;
    }
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "no seeds\n");
    return 1;
  }
  for (const std::string& seed : seeds) RunOne(seed);
  Mutator mutator(seeds);
  for (size_t run = 0; run < runs; ++run) RunOne(mutator.Next());
  std::printf("%zu seeds, %zu mutations\n", seeds.size(), runs);
  return 0;
}
