#include "metrics/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace keyway::metrics {
namespace {

struct Readings {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double open_fds = 0;
  double max_fds = 0;
  double start_time_seconds = 0;
};

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double CountOpenFds() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  // ".", ".." and the descriptor of the folder itself do not count.
  double count = -3;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

// The word at `index`, counted from 0, behind the name of the program in /proc/self/stat, which is
// in brackets and may contain anything. proc(5) numbers the first of them 3.
double StatField(int index) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream words(line.substr(name_end + 1));
  std::string word;
  for (int i = 0; i <= index; ++i) words >> word;
  return words ? std::stod(word) : 0;
}

double BootTime() {
  std::ifstream file("/proc/stat");
  std::string word;
  double seconds = 0;
  while (file >> word) {
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

double StartTime() {
  constexpr int kStartTimeField = 22 - 3;
  return BootTime() + StatField(kStartTimeField) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void Read(Readings& readings) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  readings.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  std::ifstream memory("/proc/self/statm");
  double virtual_pages = 0;
  double resident_pages = 0;
  memory >> virtual_pages >> resident_pages;
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  readings.virtual_bytes = virtual_pages * page;
  readings.resident_bytes = resident_pages * page;
  readings.open_fds = CountOpenFds();
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  readings.max_fds = static_cast<double>(limit.rlim_cur);
}

}  // namespace

void AddProcessMetrics(Registry& registry) {
  auto readings = std::make_shared<Readings>();
  readings->start_time_seconds = StartTime();
  registry.AddCollector([readings] { Read(*readings); });
  registry.CounterFrom("process_cpu_seconds_total", "Total user and system CPU time in seconds.",
                       {}, [readings] { return readings->cpu_seconds; });
  registry.GaugeFrom("process_resident_memory_bytes", "Resident memory size in bytes.", {},
                     [readings] { return readings->resident_bytes; });
  registry.GaugeFrom("process_virtual_memory_bytes", "Virtual memory size in bytes.", {},
                     [readings] { return readings->virtual_bytes; });
  registry.GaugeFrom("process_open_fds", "Number of open file descriptors.", {},
                     [readings] { return readings->open_fds; });
  registry.GaugeFrom("process_max_fds", "Maximum number of open file descriptors.", {},
                     [readings] { return readings->max_fds; });
  registry.GaugeFrom("process_start_time_seconds",
                     "Start time of the process since the Unix epoch in seconds.", {},
                     [readings] { return readings->start_time_seconds; });
}

}  // namespace keyway::metrics
