// What a text slot says (headrace::TextRecord): the model as the client sent it and the provider's
// request id. Written by a worker beside the record they belong to, read by the exporter. Longer
// texts are cut, at the start of a UTF-8 character where there is one. Nothing is allocated.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "headrace/record.h"

namespace headrace::telemetry {

namespace detail {
// The first `most` bytes, without a character that would be cut in two.
inline base::Bytes cut(base::Bytes text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && most - end < 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}
}  // namespace detail

// The slot that goes with `of` (its worker, epoch and request id), to be pushed before it.
inline TextRecord text_slot(const Record& of, base::Bytes model, base::Bytes provider_id) {
  TextRecord slot;
  slot.worker = of.worker;
  slot.epoch = of.epoch;
  slot.attempt = of.kind == RecordKind::attempt ? of.attempt : kNoAttempt;
  std::memcpy(slot.request_id, of.request_id, sizeof slot.request_id);
  model = detail::cut(model, kTextModelBytes);
  provider_id = detail::cut(provider_id, kTextBytes - model.size());
  slot.model_bytes = static_cast<std::uint8_t>(model.size());
  slot.provider_id_bytes = static_cast<std::uint8_t>(provider_id.size());
  base::write_bytes(base::write_bytes(slot.text, model), provider_id);
  return slot;
}

// In the form in which the ring takes it.
inline Record as_record(const TextRecord& slot) {
  return std::bit_cast<Record>(slot);
}
// REQUIRES: record.kind is text.
inline TextRecord as_text(const Record& record) {
  return std::bit_cast<TextRecord>(record);
}

// The slot may come from a file: lengths are not trusted.
inline base::Bytes model_of(const TextRecord& slot) {
  return {slot.text, std::min<std::size_t>(slot.model_bytes, kTextBytes)};
}
inline base::Bytes provider_id_of(const TextRecord& slot) {
  const std::size_t begin = model_of(slot).size();
  return {slot.text + begin, std::min<std::size_t>(slot.provider_id_bytes, kTextBytes - begin)};
}

}  // namespace headrace::telemetry
