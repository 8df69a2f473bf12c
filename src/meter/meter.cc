#include "meter/meter.h"

#include <algorithm>
#include <cstring>

namespace headrace::meter {

void Meter::begin(const base::Uuid& id,
                  std::uint64_t wall_ns,
                  base::Nanos start,
                  std::uint32_t epoch) {
  request_ = Record{};
  std::memcpy(request_.request_id, id.data(), id.size());
  request_.wall_start_ns = wall_ns;
  request_.start_ns = start;
  request_.epoch = epoch;
}

Record Meter::attempt() const {
  Record record{};
  record.kind = RecordKind::attempt;
  std::memcpy(record.request_id, request_.request_id, sizeof record.request_id);
  record.wall_start_ns = request_.wall_start_ns;
  record.start_ns = request_.start_ns;
  record.head_complete_ns = request_.head_complete_ns;
  record.epoch = request_.epoch;
  record.route = request_.route;
  return record;
}

std::int64_t Meter::offset(base::Nanos stamp) const {
  return stamp == 0 ? kNoStamp : stamp - request_.start_ns;
}

std::uint32_t Meter::duration(base::Nanos nanos) {
  return static_cast<std::uint32_t>(std::clamp<base::Nanos>(nanos, 0, kNoDuration - 1));
}

std::uint32_t Meter::sum(std::uint64_t count) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
}

void Meter::set_error(Record& record, base::Error error) {
  record.error = static_cast<std::uint8_t>(error.code);
  record.blame = static_cast<std::uint8_t>(error.blame);
}

bool Meter::settle(Record& record,
                   telemetry::RecordRing& ring,
                   std::uint16_t worker,
                   std::uint64_t& sequence) {
  record.worker = worker;
  record.sequence = sequence++;
  return ring.push(record);
}

}  // namespace headrace::meter
