// A JSON document with the places of its values: a tape (json/tape.h) in a block of the worker's
// pool. The block is kept from one document to the next, so that reading the events of a stream
// takes no memory after the first few. Owned by an exchange or by a stream's filter, one thread;
// the document's bytes are the caller's and must outlive the values.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "io/block_pool.h"
#include "json/tape.h"

namespace headrace::api {

class Document {
 public:
  explicit Document(io::BlockPool& pool) : pool_(pool) {}
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  // Judges `text` and remembers its places. Values of the last document are void afterwards.
  json::ScanResult read(base::Bytes text, json::Utf8 utf8 = json::Utf8::check);
  // REQUIRES: the last read() was ok.
  json::Value root() const;

 private:
  json::TapeResult write(base::Bytes text, json::Utf8 utf8, std::size_t nodes);
  json::Node* nodes() const;

  io::BlockPool& pool_;
  io::Slice block_;
  const char* text_ = nullptr;
};

}  // namespace headrace::api
