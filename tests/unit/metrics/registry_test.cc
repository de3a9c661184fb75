#include "metrics/registry.h"

#include <clocale>
#include <cmath>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "metrics/process.h"
#include "tests/unit/metrics/promtool.h"

namespace keyway::metrics {
namespace {

bool Has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

double ValueOf(const std::string& text, const std::string& name) {
  const size_t place = ("\n" + text).find("\n" + name + " ");
  if (place == std::string::npos) return std::nan("");
  return std::strtod(text.c_str() + place + name.size() + 1, nullptr);
}

TEST(Registry, RendersEveryKind) {
  Registry registry;
  registry.Counter("keyway_a_total", "Counted by hand.").Increment(3);
  registry.Gauge("keyway_b_bytes", "Set by hand.", {{"pool", "x"}}).Set(1.5);
  registry.Histogram("keyway_c_seconds", "Observed by hand.", {0.1, 1}).Observe(0.5);
  HotCounter counter;
  counter.Add(7);
  registry.CounterFrom("keyway_d_total", "Read.", {{"result", "ok"}}, &counter);
  registry.CounterFrom("keyway_d_total", "Read.", {{"result", "error"}}, [] { return 2.0; });
  HotHistogram histogram({1000, 2500});
  histogram.Observe(1000);
  histogram.Observe(1001);
  histogram.Observe(9000);
  registry.HistogramFrom("keyway_e_seconds", "Read.", {{"kind", "read"}}, &histogram);
  int databases = 2;
  registry.GaugesFrom("keyway_f_keys", "Labels known late.", [&](Registry::Samples& samples) {
    for (int i = 0; i < databases; ++i) samples.Add({{"db", "db" + std::to_string(i)}}, i * 10);
  });
  registry.CountersFrom("keyway_g_total", "Nothing at all.", [](Registry::Samples&) {});
  double collected = 0;
  registry.GaugeFrom("keyway_h_info", "From a collector.", {}, [&] { return collected; });
  registry.AddCollector([&] { ++collected; });

  const std::string text = registry.Render();
  EXPECT_TRUE(Has(text, "# HELP keyway_a_total Counted by hand.")) << text;
  EXPECT_TRUE(Has(text, "# TYPE keyway_a_total counter"));
  EXPECT_TRUE(Has(text, "keyway_a_total 3"));
  EXPECT_TRUE(Has(text, "keyway_b_bytes{pool=\"x\"} 1.5"));
  EXPECT_TRUE(Has(text, "keyway_c_seconds_bucket{le=\"1\"} 1"));
  EXPECT_TRUE(Has(text, "keyway_d_total{result=\"ok\"} 7"));
  EXPECT_TRUE(Has(text, "keyway_d_total{result=\"error\"} 2"));
  EXPECT_TRUE(Has(text, "# TYPE keyway_e_seconds histogram"));
  EXPECT_TRUE(Has(text, "keyway_e_seconds_bucket{kind=\"read\",le=\"0.001\"} 1")) << text;
  EXPECT_TRUE(Has(text, "keyway_e_seconds_bucket{kind=\"read\",le=\"0.0025\"} 2"));
  EXPECT_TRUE(Has(text, "keyway_e_seconds_bucket{kind=\"read\",le=\"+Inf\"} 3"));
  EXPECT_TRUE(Has(text, "keyway_e_seconds_count{kind=\"read\"} 3"));
  EXPECT_TRUE(Has(text, "keyway_f_keys{db=\"db1\"} 10"));
  EXPECT_EQ(std::string::npos, text.find("keyway_g_total"));
  EXPECT_TRUE(Has(text, "keyway_h_info 1"));
  EXPECT_LT(text.find("keyway_a_total"), text.find("keyway_b_bytes"));
  databases = 3;
  EXPECT_TRUE(Has(registry.Render(), "keyway_f_keys{db=\"db2\"} 20"));
  EXPECT_EQ(1, [&] {
    int headings = 0;
    for (size_t at = 0; (at = text.find("# TYPE keyway_d_total", at)) != std::string::npos; ++at) {
      ++headings;
    }
    return headings;
  }());
}

TEST(Registry, PromtoolAccepts) {
  if (!HavePromtool()) GTEST_SKIP() << "promtool is not installed";
  Registry registry;
  AddProcessMetrics(registry);
  const double values[] = {0,     1,      -1,      0.1,      1.0 / 3,   1e15, 123456789012345678.0,
                           1e300, 1e-300, 2.5e-06, INFINITY, -INFINITY, NAN};
  registry.GaugesFrom("keyway_odd_ratio", "Values that are hard to write.",
                      [&](Registry::Samples& samples) {
                        for (size_t i = 0; i < std::size(values); ++i) {
                          samples.Add({{"n", std::to_string(i)}}, values[i]);
                        }
                      });
  registry.GaugeFrom("keyway_label_ratio", "Help with a \\ and a\nline.",
                     {{"text", "quote \" backslash \\ line\nend"}}, [] { return 1; });
  registry.GaugesFrom(
      "keyway_byte_ratio", "Labels that are not UTF-8.", [](Registry::Samples& samples) {
        for (int byte = 0; byte < 256; ++byte) {
          const std::string raw(1, static_cast<char>(byte));
          samples.Add({{"n", std::to_string(byte)}, {"raw", raw + "\x80" + raw}}, 1);
        }
        samples.Add({{"n", "utf8"}, {"raw", "sch\u00f6n \u20ac \U0001f511"}}, 1);
        samples.Add({{"n", "surrogate"}, {"raw", "\xed\xa0\x80 \xf4\x90\x80\x80"}}, 1);
        samples.Add({{"n", "long"}, {"raw", "\xe0\x80\x80 \xf0\x80\x80\x80"}}, 1);
      });
  HotHistogram histogram;
  histogram.Observe(1234);
  registry.HistogramFrom("keyway_latency_seconds", "Latency.", {}, &histogram);
  EXPECT_EQ("", Promtool(registry.Render())) << registry.Render();
  EXPECT_NE(std::string::npos, registry.Render().find("raw=\"sch\u00f6n \u20ac \U0001f511\""));
  EXPECT_TRUE(Has(registry.Render(), "# HELP keyway_label_ratio Help with a \\\\ and a\\nline."));
  EXPECT_NE("", Promtool("keyway_bad{ 1\n")) << "the tool does complain when there is cause";
}

TEST(Registry, KeepsBigCountsExact) {
  Registry registry;
  registry.CounterFrom("keyway_big_total", "Big.", {}, [] { return 999'999'999'999'999.0; });
  EXPECT_TRUE(Has(registry.Render(), "keyway_big_total 999999999999999")) << registry.Render();
}

TEST(Registry, IsTheSameInEveryLocale) {
  Registry registry;
  registry.GaugeFrom("keyway_x_ratio", "X.", {}, [] { return 1234.5; });
  const std::string before = registry.Render();
  try {
    std::locale::global(std::locale("de_DE.UTF-8"));
  } catch (const std::runtime_error&) {
    std::setlocale(LC_ALL, "C");
  }
  EXPECT_EQ(before, registry.Render());
  std::locale::global(std::locale::classic());
}

TEST(RegistryDeathTest, RefusesWhatContradictsItself) {
  Registry registry;
  registry.Counter("keyway_a_total", "A.");
  EXPECT_DEATH(registry.Gauge("keyway_a_total", "A."), "twice");
  EXPECT_DEATH(registry.CounterFrom("keyway_a_total", "B.", {}, [] { return 0; }), "twice");
  EXPECT_DEATH(registry.Counter("keyway_a", "A."), "_total");
  EXPECT_DEATH(registry.Gauge("keyway-a", "A."), "no name");
  EXPECT_DEATH(registry.Gauge("keyway_b", ""), "help");
  EXPECT_DEATH(registry.Gauge("keyway_b", "B.", {{"a-b", "x"}}), "label");
}

TEST(Registry, RendersWhileThreadsCount) {
  Registry registry;
  prometheus::Counter& counter = registry.Counter("keyway_a_total", "A.");
  HotHistogram histogram;
  registry.HistogramFrom("keyway_b_seconds", "B.", {}, &histogram);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20'000; ++n) {
        counter.Increment();
        histogram.Observe(static_cast<uint64_t>(n));
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    const std::string text = registry.Render();
    EXPECT_EQ(ValueOf(text, "keyway_b_seconds_count"),
              ValueOf(text, "keyway_b_seconds_bucket{le=\"+Inf\"}"));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Has(registry.Render(), "keyway_a_total 80000"));
  EXPECT_TRUE(Has(registry.Render(), "keyway_b_seconds_count 80000"));
}

TEST(ProcessMetrics, TellTheTruth) {
  Registry registry;
  AddProcessMetrics(registry);
  const std::string text = registry.Render();
  EXPECT_GT(ValueOf(text, "process_cpu_seconds_total"), 0);
  EXPECT_GT(ValueOf(text, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(ValueOf(text, "process_virtual_memory_bytes"),
            ValueOf(text, "process_resident_memory_bytes"));
  EXPECT_GE(ValueOf(text, "process_max_fds"), ValueOf(text, "process_open_fds"));
  const double now = static_cast<double>(std::time(nullptr));
  EXPECT_LT(std::abs(now - ValueOf(text, "process_start_time_seconds")), 600);
  const double before = ValueOf(text, "process_open_fds");
  const int fd = dup(0);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(before + 1, ValueOf(registry.Render(), "process_open_fds"));
  close(fd);
}

}  // namespace
}  // namespace keyway::metrics
