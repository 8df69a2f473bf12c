// Goal: a line a request, and a reader that sleeps costs lines, never time. Method: a pipe that is
// read late.
#include "exporter/log_lines.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "records.h"

using namespace headrace;
using namespace headrace::exporter;
using exporter_test::attempt;
using exporter_test::count_of;
using exporter_test::request;

namespace {

struct Pipe {
  Pipe() {
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
  }
  ~Pipe() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  std::string read_all() {
    std::string text(1 << 20, '\0');
    std::size_t have = 0;
    for (ssize_t got = 0; (got = ::read(ends[0], text.data() + have, text.size() - have)) > 0;)
      have += static_cast<std::size_t>(got);
    text.resize(have);
    return text;
  }
  int ends[2] = {-1, -1};
};

Entry entry_of(std::uint64_t number) {
  return {.ring = 1, .request = Part{request(number), {}}, .attempts = {}, .names = nullptr};
}

}  // namespace

TEST_CASE("each request leaves one line, an attempt without a request none") {
  Pipe pipe;
  LogLines log(pipe.ends[1]);
  log.write(entry_of(1));
  log.write({.ring = 1, .request = {}, .attempts = {Part{attempt(2), {}}}, .names = nullptr});
  log.write(entry_of(3));
  CHECK(log.flush());
  const std::string text = pipe.read_all();
  CHECK(count_of(text, "\n") == 2);
  CHECK(text.starts_with("{\"kind\":\"request\""));
}

TEST_CASE("a reader that sleeps costs lines, which are counted, and the rest is whole") {
  Pipe pipe;
  LogLines log(pipe.ends[1]);
  constexpr std::uint64_t kLines = 5000;
  for (std::uint64_t i = 0; i < kLines; ++i) {
    log.write(entry_of(i));
    CHECK(log.flush());  // never waits, never asks for the records to be kept
  }
  CHECK(log.lost() > 0);
  std::string text;
  for (std::string more = pipe.read_all(); !more.empty(); more = pipe.read_all()) {
    text += more;
    CHECK(log.flush());
  }
  CHECK(count_of(text, "\n") + log.lost() == kLines);
  CHECK(count_of(text, "{\"kind\":\"request\"") == count_of(text, "]}\n"));
}
