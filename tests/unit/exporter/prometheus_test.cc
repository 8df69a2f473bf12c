// Goal: both formats are spelled as scrapers expect them, whatever a label holds.
#include "exporter/prometheus.h"

#include <doctest/doctest.h>

#include <array>

#include "exposition_check.h"

using namespace headrace::exporter;
using headrace::exporter_test::ExpositionCheck;
using headrace::telemetry::Histogram;

namespace {

constexpr std::array<std::uint64_t, 3> kBounds = {5'000, 50'000'000, 1'000'000'000};

std::string sample_text(Format format) {
  Exposition out(format);
  out.family("a_total", MetricType::counter, "All a.");
  out.sample(Labels("x", "1").add("y", "two"), std::uint64_t{7});
  out.family("b", MetricType::gauge, "All b.");
  out.sample({}, 0.25);
  Histogram histogram;
  histogram.add(4'000);
  histogram.add(40'000'000);
  histogram.add(5'000'000'000);
  out.family("c_seconds", MetricType::histogram, "All c.");
  out.histogram(Labels("route", "r"), histogram, kBounds);
  return out.finish();
}

}  // namespace

TEST_CASE("the Prometheus text is exactly this") {
  CHECK(sample_text(Format::prometheus) ==
        R"(# HELP a_total All a.
# TYPE a_total counter
a_total{x="1",y="two"} 7
# HELP b All b.
# TYPE b gauge
b 0.25
# HELP c_seconds All c.
# TYPE c_seconds histogram
c_seconds_bucket{route="r",le="5e-06"} 1
c_seconds_bucket{route="r",le="0.05"} 2
c_seconds_bucket{route="r",le="1"} 2
c_seconds_bucket{route="r",le="+Inf"} 3
c_seconds_sum{route="r"} 5.040004
c_seconds_count{route="r"} 3
)");
}

TEST_CASE(
    "OpenMetrics names counters without their suffix, writes bounds as floats, and says where it "
    "ends") {
  const std::string text = sample_text(Format::openmetrics);
  CHECK(text.find("# TYPE a counter\na_total{") != std::string::npos);
  CHECK(text.find("le=\"1.0\"") != std::string::npos);
  CHECK(text.ends_with("# EOF\n"));
  CHECK(ExpositionCheck(text, true).faults().empty());
  CHECK(content_type(Format::openmetrics).starts_with("application/openmetrics-text"));
  CHECK(content_type(Format::prometheus).starts_with("text/plain; version=0.0.4"));
}

TEST_CASE("a label value cannot end its line, its quotes, or the scraper's patience with UTF-8") {
  CHECK(Labels("m", "a\"b\\c\nd").text() == R"(m="a\"b\\c\nd")");
  CHECK(Labels("m", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8a").text() ==
        "m=\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8a\"");
  CHECK(Labels("m", "\xff").text() == "m=\"?\"");
  CHECK(Labels("m", "\xc3").text() == "m=\"?\"");                     // cut short
  CHECK(Labels("m", "\xc0\xaf").text() == "m=\"\x3f\x3f\"");          // overlong
  CHECK(Labels("m", "\xed\xa0\x80").text() == "m=\"\x3f\x3f\x3f\"");  // a surrogate
  CHECK(Labels("m", "\xf4\x90\x80\x80").text() == "m=\"\x3f\x3f\x3f\x3f\"");
  CHECK(Labels("m", "\xc3\"").text() == "m=\"?\\\"\"");
}

TEST_CASE("numbers read back as they were") {
  CHECK(number_text(0) == "0");
  CHECK(number_text(1.5e-7) == "1.5e-07");
  CHECK(std::stod(number_text(1763640000.123)) == 1763640000.123);
  CHECK(number_text(HUGE_VAL) == "+Inf");
}

TEST_CASE("the checker of these tests sees what it is there to see") {
  const auto faulty = [](const std::string& text) {
    return !ExpositionCheck(text).faults().empty();
  };
  CHECK_FALSE(faulty(sample_text(Format::prometheus)));
  CHECK(faulty("x 1\n"));
  CHECK(faulty("# HELP x h\n# TYPE x gauge\nx 1"));
  CHECK(faulty("# HELP x h\n# TYPE x gauge\nx one\n"));
  CHECK(faulty("# HELP x h\n# TYPE x gauge\nx{a=\"b} 1\n"));
  CHECK(faulty("# HELP x h\n# TYPE x gauge\nx 1\nx 1\n"));
  CHECK(faulty("# HELP x h\n# TYPE x gauge\nx 1\n# HELP y h\n# TYPE y gauge\nx{a=\"b\"} 1\n"));
  CHECK(faulty("# HELP x h\n# TYPE x gauge\nx{__a=\"b\"} 1\n"));
  CHECK(faulty("# HELP x h\n# TYPE x gauge\nx{1=\"b\"} 1\n"));
  CHECK(faulty("# HELP x h\n# TYPE x gauge\nx{le=\"1\"} 1\n"));
  const std::string head = "# HELP h h\n# TYPE h histogram\n";
  CHECK(faulty(head + "h_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n" +
               "# HELP h_count h\n# TYPE h_count gauge\n"));
  CHECK_FALSE(faulty(head + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n"));
  CHECK(faulty(head + "h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n"));
  CHECK(faulty(head + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 3\n"));
  CHECK(faulty(head + "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n"));
}
