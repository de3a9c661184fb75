#include "metrics/registry.h"

#include <prometheus/check_names.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <sstream>
#include <utility>

#include <glog/logging.h>

namespace keyway::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

// The length of the UTF-8 character at the start of `text`, or 0 when there is none.
size_t CharacterLength(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t length = 0;
  uint32_t code = 0;
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) <= 0xdf) {
    length = 2;
    code = byte(0) & 0x1f;
  } else if ((byte(0) & 0xf0) == 0xe0) {
    length = 3;
    code = byte(0) & 0x0f;
  } else if (byte(0) >= 0xf0 && byte(0) <= 0xf4) {
    length = 4;
    code = byte(0) & 0x07;
  }
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) return 0;
  if (length == 4 && (code < 0x10000 || code > 0x10ffff)) return 0;
  return length;
}

// Prometheus throws a whole scrape away for one label that is not UTF-8.
std::string ToUtf8(std::string value) {
  for (size_t at = 0; at < value.size();) {
    const size_t length = CharacterLength(std::string_view(value).substr(at));
    if (length == 0) value[at] = '?';
    at += std::max<size_t>(length, 1);
  }
  return value;
}

std::vector<ClientMetric::Label> ToLabels(const Labels& labels) {
  std::vector<ClientMetric::Label> list;
  list.reserve(labels.size());
  for (const auto& [name, value] : labels) list.push_back({name, ToUtf8(value)});
  return list;
}

// The serializer escapes label values but not help texts.
std::string EscapeHelp(std::string_view help) {
  std::string text;
  for (const char c : help) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

ClientMetric Single(MetricType type, const Labels& labels, double value) {
  ClientMetric metric;
  metric.label = ToLabels(labels);
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

ClientMetric FromHistogram(const Labels& labels, const HotHistogram& histogram) {
  const HotHistogram::Snapshot snapshot = histogram.Read();
  ClientMetric metric;
  metric.label = ToLabels(labels);
  metric.histogram.sample_count = snapshot.count;
  metric.histogram.sample_sum = static_cast<double>(snapshot.sum_micros) / 1e6;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < snapshot.counts.size(); ++i) {
    cumulative += snapshot.counts[i];
    const double bound = i < histogram.bounds_micros().size()
                             ? static_cast<double>(histogram.bounds_micros()[i]) / 1e6
                             : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  return metric;
}

}  // namespace

Registry::Family& Registry::Define(const std::string& name, const std::string& help,
                                   MetricType type, const Labels& labels) {
  CHECK(prometheus::CheckMetricName(name)) << "'" << name << "' is no name of a metric";
  CHECK(!help.empty()) << name << " has no help text";
  CHECK(type != MetricType::Counter || name.ends_with("_total"))
      << name << " is a counter, whose name ends in _total";
  for (const auto& [label, value] : labels) {
    CHECK(prometheus::CheckLabelName(label)) << "'" << label << "' is no name of a label";
  }
  const auto [place, added] = families_.try_emplace(name, Family{help, type, {}});
  CHECK(added || (place->second.type == type && place->second.help == help))
      << name << " is defined twice, in different ways";
  return place->second;
}

prometheus::Counter& Registry::Counter(const std::string& name, const std::string& help,
                                       const Labels& labels) {
  std::lock_guard<std::mutex> lock(mutex_);
  Define(name, help, MetricType::Counter, labels);
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels);
}

prometheus::Gauge& Registry::Gauge(const std::string& name, const std::string& help,
                                   const Labels& labels) {
  std::lock_guard<std::mutex> lock(mutex_);
  Define(name, help, MetricType::Gauge, labels);
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels);
}

prometheus::Histogram& Registry::Histogram(const std::string& name, const std::string& help,
                                           const std::vector<double>& bounds,
                                           const Labels& labels) {
  std::lock_guard<std::mutex> lock(mutex_);
  Define(name, help, MetricType::Histogram, labels);
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add(labels, bounds);
}

void Registry::CounterFrom(const std::string& name, const std::string& help, const Labels& labels,
                           std::function<double()> read) {
  std::lock_guard<std::mutex> lock(mutex_);
  Define(name, help, MetricType::Counter, labels)
      .sources.push_back([labels, read = std::move(read)](std::vector<ClientMetric>& metrics) {
        metrics.push_back(Single(MetricType::Counter, labels, read()));
      });
}

void Registry::GaugeFrom(const std::string& name, const std::string& help, const Labels& labels,
                         std::function<double()> read) {
  std::lock_guard<std::mutex> lock(mutex_);
  Define(name, help, MetricType::Gauge, labels)
      .sources.push_back([labels, read = std::move(read)](std::vector<ClientMetric>& metrics) {
        metrics.push_back(Single(MetricType::Gauge, labels, read()));
      });
}

void Registry::CounterFrom(const std::string& name, const std::string& help, const Labels& labels,
                           const HotCounter* counter) {
  CounterFrom(name, help, labels, [counter] { return static_cast<double>(counter->Sum()); });
}

void Registry::HistogramFrom(const std::string& name, const std::string& help, const Labels& labels,
                             const HotHistogram* histogram) {
  std::lock_guard<std::mutex> lock(mutex_);
  Define(name, help, MetricType::Histogram, labels)
      .sources.push_back([labels, histogram](std::vector<ClientMetric>& metrics) {
        metrics.push_back(FromHistogram(labels, *histogram));
      });
}

void Registry::AddSamples(const std::string& name, const std::string& help, MetricType type,
                          std::function<void(Samples&)> read) {
  std::lock_guard<std::mutex> lock(mutex_);
  Define(name, help, type, {})
      .sources.push_back([type, read = std::move(read)](std::vector<ClientMetric>& metrics) {
        Samples samples;
        read(samples);
        for (const auto& [labels, value] : samples.values_) {
          metrics.push_back(Single(type, labels, value));
        }
      });
}

void Registry::CountersFrom(const std::string& name, const std::string& help,
                            std::function<void(Samples&)> read) {
  AddSamples(name, help, MetricType::Counter, std::move(read));
}

void Registry::GaugesFrom(const std::string& name, const std::string& help,
                          std::function<void(Samples&)> read) {
  AddSamples(name, help, MetricType::Gauge, std::move(read));
}

void Registry::AddCollector(std::function<void()> collector) {
  std::lock_guard<std::mutex> lock(mutex_);
  collectors_.push_back(std::move(collector));
}

std::string Registry::Render() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const std::function<void()>& collector : collectors_) collector();
  std::map<std::string, prometheus::MetricFamily> merged;
  for (prometheus::MetricFamily& family : registry_.Collect()) {
    merged.emplace(family.name, std::move(family));
  }
  for (const auto& [name, family] : families_) {
    const auto [place, added] = merged.try_emplace(name);
    prometheus::MetricFamily& output = place->second;
    if (added) {
      output.name = name;
      output.type = family.type;
    }
    output.help = EscapeHelp(family.help);
    for (const auto& source : family.sources) source(output.metric);
  }
  std::vector<prometheus::MetricFamily> output;
  output.reserve(merged.size());
  for (auto& [name, family] : merged) {
    // A family without values would be a heading without text.
    if (!family.metric.empty()) output.push_back(std::move(family));
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, output);
  return std::move(text).str();
}

}  // namespace keyway::metrics
