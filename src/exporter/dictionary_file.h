// The dictionary file in the state directory: one JSON line for each configuration, appended and
// synced before the configuration goes live, so that what a dead process left in its rings is read
// with the names it was written under. Epochs count on through the file: no two configurations of
// one state directory share a number.
//
// Opened at start-up and appended to at each reload, by the control thread. Bounded: once nothing
// in a ring needs it any more, restart() begins the file anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "exporter/dictionary.h"
#include "telemetry/state_dir.h"

namespace headrace::exporter {

class DictionaryFile {
 public:
  // Reads what is there; lines that are torn or strange are skipped.
  static std::optional<DictionaryFile> open(const telemetry::StateDir& dir, std::string& fault);
  DictionaryFile(DictionaryFile&& other) noexcept;
  DictionaryFile& operator=(DictionaryFile&& other) noexcept;
  ~DictionaryFile();

  // What the processes before this one wrote.
  const Dictionaries& known() const { return known_; }
  // Greater than every epoch in the file.
  std::uint32_t next_epoch() const { return next_epoch_; }

  base::Status append(const Dictionary& dictionary);
  // Forgets all names, but not how far the epochs have counted.
  // REQUIRES: no ring holds a record of an older epoch.
  base::Status restart();

  // One line, and back. The parser takes any bytes.
  static std::string line_of(const Dictionary& dictionary);
  static std::optional<Dictionary> parse(std::string_view line);

 private:
  DictionaryFile() = default;
  void take_line(std::string_view line);
  base::Status write(const std::string& line);

  int fd_ = -1;
  std::uint64_t size_ = 0;
  Dictionaries known_;
  std::uint32_t next_epoch_ = 1;
};

}  // namespace headrace::exporter
