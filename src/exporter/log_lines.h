// LogLines: the request log, one line of JSON for each request on a descriptor (standard output).
// The same words as in the audit file, but for people and log collectors: when the reader does not
// keep up, lines are lost and counted, and nothing waits. A descriptor may be shared with others,
// so it is not made non-blocking; a pipe is asked first whether it has room.
#pragma once

#include <cstdint>
#include <string>

#include "exporter/json_text.h"
#include "exporter/sink.h"

namespace headrace::exporter {

class LogLines : public Sink {
 public:
  explicit LogLines(int fd) : fd_(fd) {}

  void write(const Entry& entry) override;
  bool flush() override;
  bool full() const override { return false; }
  void discard() override;
  void render(Exposition& out) const override;

  std::uint64_t lost() const { return lost_; }

 private:
  bool has_room() const;

  int fd_;
  std::string waiting_;
  JsonText text_;  // scratch of a line
  std::uint64_t lost_ = 0;
};

}  // namespace headrace::exporter
