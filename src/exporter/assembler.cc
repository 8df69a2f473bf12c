#include "exporter/assembler.h"

#include <algorithm>
#include <utility>

#include "telemetry/text_slot.h"

namespace headrace::exporter {
namespace {

// Takes the text that belongs to attempt `number` (kNoAttempt: to the request) out of `texts`.
std::optional<TextRecord> take_text(std::vector<TextRecord>& texts, std::uint8_t number) {
  const auto found = std::find_if(
      texts.begin(), texts.end(), [&](const TextRecord& text) { return text.attempt == number; });
  if (found == texts.end()) return std::nullopt;
  const TextRecord text = *found;
  texts.erase(found);
  return text;
}

}  // namespace

void Assembler::take(std::uint64_t position, const Record& record, const Emit& emit) {
  if (record.version != kRecordVersion) return;
  Id id;
  std::memcpy(id.data(), record.request_id, id.size());
  switch (record.kind) {
    case RecordKind::request:
      complete(record, id, emit);
      break;
    case RecordKind::attempt: {
      Waiting& waiting = wait_for(id, position);
      waiting.attempts.push_back({record, take_text(waiting.texts, record.attempt)});
      break;
    }
    case RecordKind::text:
      wait_for(id, position).texts.push_back(telemetry::as_text(record));
      break;
  }
  drop_done();
  while (!order_.empty() && position - order_.front().first >= hold_max_) {
    send_alone(waiting_.at(order_.front().second), emit);
    waiting_.erase(order_.front().second);
    drop_done();
  }
}

Assembler::Waiting& Assembler::wait_for(const Id& id, std::uint64_t position) {
  const auto [at, made] = waiting_.try_emplace(id);
  if (made) {
    at->second.position = position;
    order_.emplace_back(position, id);
  }
  return at->second;
}

void Assembler::complete(const Record& request, const Id& id, const Emit& emit) {
  Entry entry;
  entry.ring = ring_;
  entry.request = Part{request, std::nullopt};
  if (const auto found = waiting_.find(id); found != waiting_.end()) {
    entry.request->text = take_text(found->second.texts, kNoAttempt);
    entry.attempts = std::move(found->second.attempts);
    waiting_.erase(found);
  }
  emit(entry);
}

void Assembler::send_alone(Waiting& waiting, const Emit& emit) {
  if (waiting.attempts.empty()) return;  // a text slot alone accounts for nothing
  Entry entry;
  entry.ring = ring_;
  entry.attempts = std::move(waiting.attempts);
  emit(entry);
}

void Assembler::finish(const Emit& emit) {
  for (const auto& [position, id] : std::exchange(order_, {})) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end() || found->second.position != position) continue;
    send_alone(found->second, emit);
    waiting_.erase(found);
  }
}

void Assembler::drop_done() {
  while (!order_.empty()) {
    const auto found = waiting_.find(order_.front().second);
    if (found != waiting_.end() && found->second.position == order_.front().first) return;
    order_.pop_front();
  }
}

std::uint64_t Assembler::held_from(std::uint64_t read) {
  drop_done();
  return order_.empty() ? read : order_.front().first;
}

}  // namespace headrace::exporter
