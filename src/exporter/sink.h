// Sink: where requests go, one Entry each, once they are complete. The exporter calls write() for
// every entry of a drain and then flush(); only after a flush that succeeded does it release the
// records in the rings. So a sink that is down loses nothing as long as the rings hold.
//
// The exporter's thread, behind its lock.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "exporter/dictionary.h"
#include "exporter/prometheus.h"
#include "headrace/record.h"

namespace headrace::exporter {

// A record and what may stand in a text slot beside it.
struct Part {
  Record record;
  std::optional<TextRecord> text;
};

// A request with its attempts, in the order in which they ended. Attempts stand alone (no request)
// when their request never got a record: its process died, or the record was lost.
struct Entry {
  std::uint64_t ring = 0;  // id of the ring they came from
  std::optional<Part> request;
  std::vector<Part> attempts;
  const Dictionary* names = nullptr;  // of the records' epoch; null: unknown
};

class Sink {
 public:
  virtual ~Sink() = default;

  virtual void write(const Entry& entry) = 0;
  // False: what was written is kept, try again later.
  virtual bool flush() = 0;
  // True: flush() has failed for so long that nothing more should be written.
  virtual bool full() const = 0;
  // Gives up what could not be flushed, and counts it.
  virtual void discard() = 0;
  // What the sink has to say about itself.
  virtual void render(Exposition& out) const = 0;
};

}  // namespace headrace::exporter
