// What both stream filters share: the data of an event as a document. Its memory is kept from event
// to event. One filter's, one thread.
#pragma once

#include "api/document.h"
#include "api/json_builder.h"
#include "http/sse.h"

namespace headrace::dialect {

class EventReader {
 public:
  enum class Found : std::uint8_t { nothing, object, end_marker, unreadable };

  explicit EventReader(io::BlockPool& pool) : scratch_(pool), document_(pool) {}

  // `event`: complete, with its blank line. The values live until the next read, as long as
  // `event` does.
  Found read(base::Bytes event);
  json::Value root() const { return document_.root(); }

 private:
  api::JsonBuilder scratch_;
  api::Document document_;
};

}  // namespace headrace::dialect
