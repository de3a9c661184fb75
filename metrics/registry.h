// What a program measures, by name, and its text for a scrape: prometheus-cpp's registry and text
// format, plus metrics that are read from the program only when they are asked for.
//
// Names, labels and help texts are ours to get right: a bad one ends the program at its start, not
// a scrape. The same name may be defined again with other labels, never with another type.
// Reference: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/registry.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/hot_counters.h"

namespace keyway::metrics {

using Labels = prometheus::Labels;

class Registry {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Metrics that the program changes itself, from any thread, at the price of an atomic operation
  // each. They live as long as the registry.
  prometheus::Counter& Counter(const std::string& name, const std::string& help,
                               const Labels& labels = {});
  prometheus::Gauge& Gauge(const std::string& name, const std::string& help,
                           const Labels& labels = {});
  prometheus::Histogram& Histogram(const std::string& name, const std::string& help,
                                   const std::vector<double>& bounds, const Labels& labels = {});

  // Metrics that are read at scrape time. What they refer to must outlive the last Render.
  void CounterFrom(const std::string& name, const std::string& help, const Labels& labels,
                   std::function<double()> read);
  void GaugeFrom(const std::string& name, const std::string& help, const Labels& labels,
                 std::function<double()> read);
  void CounterFrom(const std::string& name, const std::string& help, const Labels& labels,
                   const HotCounter* counter);
  // In seconds.
  void HistogramFrom(const std::string& name, const std::string& help, const Labels& labels,
                     const HotHistogram* histogram);

  // The values of one metric whose labels are known only at scrape time (one a command, one a
  // database). The labels of each value must differ.
  class Samples {
   public:
    void Add(Labels labels, double value) { values_.emplace_back(std::move(labels), value); }

   private:
    friend class Registry;
    std::vector<std::pair<Labels, double>> values_;
  };
  void CountersFrom(const std::string& name, const std::string& help,
                    std::function<void(Samples&)> read);
  void GaugesFrom(const std::string& name, const std::string& help,
                  std::function<void(Samples&)> read);

  // Runs at every scrape, before anything is read.
  void AddCollector(std::function<void()> collector);

  // The text of everything, families in alphabetical order. From any thread, one scrape at a time;
  // what it calls must not call the registry.
  std::string Render();

 private:
  struct Family {
    std::string help;
    prometheus::MetricType type;
    std::vector<std::function<void(std::vector<prometheus::ClientMetric>&)>> sources;
  };
  Family& Define(const std::string& name, const std::string& help, prometheus::MetricType type,
                 const Labels& labels);
  void AddSamples(const std::string& name, const std::string& help, prometheus::MetricType type,
                  std::function<void(Samples&)> read);

  std::mutex mutex_;
  prometheus::Registry registry_;
  std::map<std::string, Family> families_;
  std::vector<std::function<void()>> collectors_;
};

}  // namespace keyway::metrics
