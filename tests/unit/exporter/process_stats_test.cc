// Goal: what is said of this process is plausible, against what the test itself knows.
#include "exporter/process_stats.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <ctime>

#include "exposition_check.h"

using namespace headrace::exporter;

TEST_CASE("the process knows its age, its memory, its threads and its files") {
  const ProcessStats stats = ProcessStats::read();
  const auto now = static_cast<double>(std::time(nullptr));
  CHECK(stats.start_time_seconds <= now + 1);
  CHECK(stats.start_time_seconds > now - 600);
  CHECK(stats.cpu_seconds >= 0);
  CHECK(stats.resident_bytes > 500'000);
  CHECK(stats.virtual_bytes >= stats.resident_bytes);
  CHECK(stats.threads >= 1);
  CHECK(stats.max_fds >= stats.open_fds);

  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  CHECK(ProcessStats::read().open_fds == stats.open_fds + 1);
  ::close(fd);
}

TEST_CASE("they are a valid exposition") {
  Exposition out(Format::prometheus);
  ProcessStats::read().render(out);
  const headrace::exporter_test::ExpositionCheck text(out.finish());
  CHECK(text.faults() == std::vector<std::string>{});
  CHECK(text.value("process_open_fds").value_or(0) >= 3);
}
