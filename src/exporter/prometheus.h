// Prometheus text exposition (0.0.4) and OpenMetrics 1.0, written front to back into one string.
// The caller gives each family once, with all its samples; this file knows how names, labels,
// numbers and histograms are spelled in the two formats, and sees to it that no label value can
// break a line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "telemetry/histogram.h"

namespace headrace::exporter {

enum class Format : std::uint8_t { prometheus, openmetrics };
enum class MetricType : std::uint8_t { counter, gauge, histogram };

// Label pairs of one sample, as they stand between the braces.
class Labels {
 public:
  Labels() = default;
  Labels(std::string_view name, std::string_view value) { add(name, value); }

  // The value may be any bytes: what would end it or is not UTF-8 is escaped or replaced.
  Labels& add(std::string_view name, std::string_view value);
  // Pairs that are already written: state="idle".
  static Labels written(std::string_view text);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class Exposition {
 public:
  explicit Exposition(Format format) : format_(format) {}

  // Opens a family; `name` as its samples have it, so counters end in _total. REQUIRES: not opened
  // before.
  void family(std::string_view name, MetricType type, std::string_view help);
  // One sample of the family that is open.
  void sample(const Labels& labels, double value);
  void sample(const Labels& labels, std::uint64_t value);
  // All samples of one histogram of nanoseconds, in seconds. `bounds`: nanoseconds, ascending.
  void histogram(const Labels& labels,
                 const telemetry::Histogram& values,
                 std::span<const std::uint64_t> bounds);

  // The whole text. Nothing may follow.
  std::string finish();

 private:
  void begin_line(std::string_view suffix, const Labels& labels, std::string_view more = {});
  void end_line(std::string_view number);

  Format format_;
  std::string name_;
  std::string text_;
};

std::string_view content_type(Format format);

// The shortest decimal that reads back as `value`.
std::string number_text(double value);

}  // namespace headrace::exporter
