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
  while (oldest_ != kNone && position - places_[oldest_].position >= hold_max_) {
    send_alone(oldest_, emit);
  }
}

Assembler::Place Assembler::find(const Id& id) const {
  Place place = buckets_[bucket_of(id)];
  while (place != kNone && places_[place].id != id) place = places_[place].in_bucket;
  return place;
}

Assembler::Waiting& Assembler::wait_for(const Id& id, std::uint64_t position) {
  if (const Place known = find(id); known != kNone) return places_[known];
  Place place = free_;
  if (place == kNone) {
    place = static_cast<Place>(places_.size());
    places_.emplace_back();
  } else {
    free_ = places_[place].newer;
  }
  Waiting& waiting = places_[place];
  Place& bucket = buckets_[bucket_of(id)];
  waiting.id = id;
  waiting.position = position;
  waiting.in_bucket = std::exchange(bucket, place);
  waiting.older = newest_;
  waiting.newer = kNone;
  (newest_ == kNone ? oldest_ : places_[newest_].newer) = place;
  newest_ = place;
  ++count_;
  return waiting;
}

// Its place is free again, and keeps the room of its lists.
void Assembler::forget(Place place) {
  Waiting& waiting = places_[place];
  Place* link = &buckets_[bucket_of(waiting.id)];
  while (*link != place) link = &places_[*link].in_bucket;
  *link = waiting.in_bucket;
  (waiting.older == kNone ? oldest_ : places_[waiting.older].newer) = waiting.newer;
  (waiting.newer == kNone ? newest_ : places_[waiting.newer].older) = waiting.older;
  waiting.attempts.clear();
  waiting.texts.clear();
  waiting.newer = std::exchange(free_, place);
  --count_;
}

void Assembler::complete(const Record& request, const Id& id, const Emit& emit) {
  entry_.ring = ring_;
  entry_.request = Part{request, std::nullopt};
  entry_.attempts.clear();
  const Place place = find(id);
  if (place != kNone) {
    Waiting& waiting = places_[place];
    entry_.request->text = take_text(waiting.texts, kNoAttempt);
    entry_.attempts.swap(waiting.attempts);
    forget(place);
  }
  emit(entry_);
}

// The attempts of a request that has not come. A text slot alone accounts for nothing.
void Assembler::send_alone(Place place, const Emit& emit) {
  entry_.ring = ring_;
  entry_.request.reset();
  entry_.attempts.clear();
  entry_.attempts.swap(places_[place].attempts);
  forget(place);
  if (!entry_.attempts.empty()) emit(entry_);
}

void Assembler::finish(const Emit& emit) {
  while (oldest_ != kNone) send_alone(oldest_, emit);
}

std::uint64_t Assembler::held_from(std::uint64_t read) const {
  return oldest_ == kNone ? read : places_[oldest_].position;
}

}  // namespace headrace::exporter
