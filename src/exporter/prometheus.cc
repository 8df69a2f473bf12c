#include "exporter/prometheus.h"

#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/assert.h"

namespace headrace::exporter {

namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, or 0.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (lead == 0xed && byte(1) > 0x9f) return 0;  // surrogates
  if (lead == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
  return length;
}

std::string_view type_text(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "untyped";
}

double seconds(std::uint64_t nanos) {
  return static_cast<double>(nanos) / 1e9;
}

}  // namespace

Labels& Labels::add(std::string_view name, std::string_view value) {
  if (!text_.empty()) text_ += ',';
  text_.append(name).append("=\"");
  while (!value.empty()) {
    const std::size_t length = sequence_length(value);
    const char c = value.front();
    if (length == 0) {
      text_ += '?';
    } else if (c == '\n') {
      text_ += "\\n";
    } else if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else {
      text_.append(value.substr(0, length));
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
  return *this;
}

Labels Labels::written(std::string_view text) {
  Labels labels;
  labels.text_ = text;
  return labels;
}

void Exposition::family(std::string_view name, MetricType type, std::string_view help) {
  HEADRACE_ASSERT(help.find_first_of("\n\\\"") == std::string_view::npos);
  name_ = name;
  std::string_view announced = name;
  if (type == MetricType::counter) {
    HEADRACE_ASSERT(name.ends_with("_total"));
    // OpenMetrics names the family without the suffix that its samples carry.
    if (format_ == Format::openmetrics) announced.remove_suffix(6);
  }
  text_.append("# HELP ").append(announced).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(announced).append(" ").append(type_text(type)).append("\n");
}

void Exposition::sample(const Labels& labels, double value) {
  begin_line({}, labels);
  end_line(number_text(value));
}

void Exposition::sample(const Labels& labels, std::uint64_t value) {
  begin_line({}, labels);
  end_line(std::to_string(value));
}

void Exposition::histogram(const Labels& labels,
                           const telemetry::Histogram& values,
                           std::span<const std::uint64_t> bounds) {
  std::vector<std::uint64_t> counts(bounds.size());
  values.cumulative(bounds, counts);
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    std::string bound = number_text(seconds(bounds[i]));
    // OpenMetrics wants its bounds to look like floats.
    const bool whole = bound.find_first_of(".e") == std::string::npos;
    if (format_ == Format::openmetrics && whole) bound += ".0";
    begin_line("_bucket", labels, "le=\"" + bound + "\"");
    end_line(std::to_string(counts[i]));
  }
  begin_line("_bucket", labels, "le=\"+Inf\"");
  end_line(std::to_string(values.count()));
  begin_line("_sum", labels);
  end_line(number_text(seconds(values.sum())));
  begin_line("_count", labels);
  end_line(std::to_string(values.count()));
}

std::string Exposition::finish() {
  if (format_ == Format::openmetrics) text_ += "# EOF\n";
  return std::move(text_);
}

void Exposition::begin_line(std::string_view suffix, const Labels& labels, std::string_view more) {
  HEADRACE_ASSERT(!name_.empty());
  text_.append(name_).append(suffix);
  if (!labels.text().empty() || !more.empty()) {
    text_ += '{';
    text_ += labels.text();
    if (!labels.text().empty() && !more.empty()) text_ += ',';
    text_.append(more) += '}';
  }
  text_ += ' ';
}

void Exposition::end_line(std::string_view number) {
  text_.append(number) += '\n';
}

std::string_view content_type(Format format) {
  if (format == Format::openmetrics) {
    return "application/openmetrics-text; version=1.0.0; charset=utf-8";
  }
  return "text/plain; version=0.0.4; charset=utf-8";
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return {digits.data(), end.ptr};
}

}  // namespace headrace::exporter
