// A small, strict reader of the two exposition formats, for tests: it finds what a scraper would
// choke on.
#pragma once

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace headrace::exporter_test {

class ExpositionCheck {
 public:
  explicit ExpositionCheck(std::string text, bool openmetrics = false)
      : text_(std::move(text)), openmetrics_(openmetrics) {
    read();
    for (const auto& [series, buckets] : buckets_) check_histogram(series, buckets);
    for (const auto& [name, type] : types_) check_names(name, type);
  }

  // Empty when the text is a valid exposition.
  const std::vector<std::string>& faults() const { return faults_; }
  // The value of a sample as it is written: name{a="b",c="d"}.
  std::optional<double> value(const std::string& sample) const {
    const auto found = samples_.find(sample);
    if (found == samples_.end()) return std::nullopt;
    return found->second;
  }
  // Over all samples of that name, whatever their labels; 0 without any.
  double sum(const std::string& name) const {
    double total = 0;
    for (const auto& [sample, value] : samples_) {
      if (sample.substr(0, sample.find('{')) == name) total += value;
    }
    return total;
  }
  std::map<std::string, std::size_t> samples_by_name() const {
    std::map<std::string, std::size_t> counts;
    for (const auto& [sample, unused] : samples_) ++counts[sample.substr(0, sample.find('{'))];
    return counts;
  }
  bool has_family(const std::string& name) const { return types_.contains(name); }
  const std::map<std::string, std::string>& types() const { return types_; }

 private:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  void fault(const std::string& what) { faults_.push_back(what); }

  void read() {
    std::size_t at = 0;
    bool ended = false;
    while (at < text_.size()) {
      const std::size_t end = text_.find('\n', at);
      if (end == std::string::npos) return fault("the last line is not ended");
      const std::string line = text_.substr(at, end - at);
      at = end + 1;
      if (ended) return fault("something follows # EOF");
      if (line == "# EOF") {
        ended = true;
      } else if (line.starts_with("# ")) {
        read_comment(line);
      } else {
        read_sample(line);
      }
    }
    if (ended != openmetrics_) fault("# EOF belongs into OpenMetrics, and only there");
  }

  void read_comment(const std::string& line) {
    const bool help = line.starts_with("# HELP ");
    if (!help && !line.starts_with("# TYPE ")) return fault("odd comment: " + line);
    const std::size_t space = line.find(' ', 7);
    if (space == std::string::npos) return fault("nothing behind the name: " + line);
    const std::string name = line.substr(7, space - 7);
    const std::string rest = line.substr(space + 1);
    if (help) {
      if (!helped_.insert(name).second) fault("second HELP: " + name);
      return;
    }
    if (!helped_.contains(name)) fault("TYPE without HELP before it: " + name);
    if (!types_.emplace(name, rest).second) fault("family not contiguous: " + name);
    if (rest != "counter" && rest != "gauge" && rest != "histogram") fault("odd type: " + line);
    family_ = name;
  }

  void read_sample(const std::string& line) {
    std::size_t at = 0;
    while (at < line.size() &&
           (std::isalnum(static_cast<unsigned char>(line[at])) || line[at] == '_'))
      ++at;
    const std::string name = line.substr(0, at);
    Pairs labels;
    if (at < line.size() && line[at] == '{' && !read_labels(line, at, labels)) return;
    if (at >= line.size() || line[at] != ' ') return fault("no value: " + line);
    const std::string number = line.substr(at + 1);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (number.empty() || *end != '\0') return fault("not a number: " + line);
    if (!samples_.emplace(line.substr(0, at), value).second) fault("sample twice: " + line);
    if (!belongs(name)) return fault("sample outside its family " + family_ + ": " + line);
    if (types_[family_] != "gauge" && value < 0) fault("negative: " + line);
    if (types_[family_] == "histogram")
      note_histogram(name.substr(family_.size()), labels, value, line);
  }

  bool belongs(const std::string& name) const {
    const auto type = types_.find(family_);
    if (type == types_.end()) return false;
    if (type->second == "histogram") {
      return name == family_ + "_bucket" || name == family_ + "_sum" || name == family_ + "_count";
    }
    if (type->second == "counter") return name == (openmetrics_ ? family_ + "_total" : family_);
    return name == family_;
  }

  bool read_labels(const std::string& line, std::size_t& at, Pairs& labels) {
    const auto broken = [&](const char* why) {
      fault(std::string(why) + ": " + line);
      return false;
    };
    ++at;
    while (true) {
      const std::size_t equals = line.find('=', at);
      if (equals == std::string::npos || line.size() < equals + 2 || line[equals + 1] != '"') {
        return broken("odd label");
      }
      const std::string name = line.substr(at, equals - at);
      if (name.empty() || !std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '_';
          })) {
        return broken("odd label name");
      }
      if (std::isdigit(static_cast<unsigned char>(name[0])) || name.starts_with("__")) {
        return broken("reserved label name");
      }
      if (name == "le" && types_[family_] != "histogram") return broken("le without a histogram");
      std::string value;
      for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\') {
          ++at;
          if (at >= line.size() || (line[at] != 'n' && line[at] != '"' && line[at] != '\\')) {
            return broken("odd escape");
          }
          value += line[at] == 'n' ? '\n' : line[at];
        } else {
          value += line[at];
        }
      }
      if (at >= line.size()) return broken("label not ended");
      for (const auto& [other, unused] : labels) {
        if (other == name) return broken("label twice");
      }
      labels.emplace_back(name, value);
      ++at;
      if (at < line.size() && line[at] == '}') break;
      if (at >= line.size() || line[at] != ',') return broken("odd labels");
      ++at;
    }
    ++at;
    return true;
  }

  struct Buckets {
    std::vector<std::pair<double, double>> counts;  // (bound, cumulative count)
    std::optional<double> sum;
    std::optional<double> count;
  };

  void note_histogram(const std::string& suffix,
                      const Pairs& labels,
                      double value,
                      const std::string& line) {
    std::string series = family_;
    std::string bound;
    for (const auto& [name, text] : labels) {
      if (name == "le") {
        bound = text;
      } else {
        series += "," + name + "=" + text;
      }
    }
    Buckets& buckets = buckets_[series];
    if (suffix == "_sum") buckets.sum = value;
    if (suffix == "_count") buckets.count = value;
    if (suffix != "_bucket") return;
    if (bound.empty()) return fault("bucket without le: " + line);
    if (openmetrics_ && bound.find_first_of(".e") == std::string::npos && bound != "+Inf") {
      fault("le is no float: " + line);
    }
    buckets.counts.emplace_back(std::strtod(bound.c_str(), nullptr), value);
  }

  void check_histogram(const std::string& series, const Buckets& buckets) {
    if (!buckets.sum || !buckets.count) return fault("no sum or count: " + series);
    if (buckets.counts.empty()) return fault("no buckets: " + series);
    for (std::size_t i = 1; i < buckets.counts.size(); ++i) {
      if (buckets.counts[i].first <= buckets.counts[i - 1].first)
        fault("bounds not rising: " + series);
      if (buckets.counts[i].second < buckets.counts[i - 1].second)
        fault("not cumulative: " + series);
    }
    if (buckets.counts.back().first != HUGE_VAL) fault("no +Inf: " + series);
    if (buckets.counts.back().second != *buckets.count) fault("+Inf is not the count: " + series);
  }

  // Two families may not have samples of the same name.
  void check_names(const std::string& name, const std::string& type) {
    const auto free = [&](const char* suffix) {
      if (types_.contains(name + suffix)) fault("two families have " + name + suffix);
    };
    if (type == "histogram") {
      for (const char* suffix : {"_bucket", "_sum", "_count", "_created"}) free(suffix);
    }
    if (type == "counter" && openmetrics_) {
      for (const char* suffix : {"_total", "_created"}) free(suffix);
    }
  }

  std::string text_;
  bool openmetrics_;
  std::string family_;
  std::vector<std::string> faults_;
  std::set<std::string> helped_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double> samples_;
  std::map<std::string, Buckets> buckets_;
};

}  // namespace headrace::exporter_test
