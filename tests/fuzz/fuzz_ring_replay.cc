// What lies in the state directory after a crash may be anything: a ring of any bytes, an audit
// file and a dictionary of any text. Whatever it is, attaching refuses it or replay ends, every
// line is JSON, and no record with a line gets a second one.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "exporter/dictionary_file.h"
#include "exporter/entry_json.h"
#include "exporter/replay.h"
#include "fuzz_cuts.h"
#include "json/scan.h"
#include "telemetry/ring.h"

namespace headrace {
namespace {

constexpr std::size_t kCapacity = 8;
constexpr std::size_t kRingBytes = telemetry::RecordRing::bytes_for(kCapacity);

class CheckingSink : public exporter::Sink {
 public:
  explicit CheckingSink(const exporter::SeenRecords& seen) : seen_(seen) {}

  void write(const exporter::Entry& entry) override {
    fuzz_check(entry.request.has_value() || !entry.attempts.empty());
    if (entry.request) fuzz_check(!seen_.has(entry.ring, entry.request->record.sequence));
    for (const exporter::Part& part : entry.attempts) {
      fuzz_check(!seen_.has(entry.ring, part.record.sequence));
    }
    const std::string line = exporter::line_of(entry);
    fuzz_check(json::validate(line).ok());
    written_.take_line(line);
    if (entry.request) fuzz_check(written_.has(entry.ring, entry.request->record.sequence));
  }
  bool flush() override { return true; }
  bool full() const override { return false; }
  void discard() override {}
  void render(exporter::Exposition&) const override {}

 private:
  const exporter::SeenRecords& seen_;
  exporter::SeenRecords written_;
};

void check(const std::uint8_t* data, std::size_t size) {
  // A ring in good order with the input as its records, or, one time in four, the input as it is.
  alignas(telemetry::kLinePair) static std::byte memory[kRingBytes];
  std::memset(memory, 0, sizeof memory);
  telemetry::RecordRing maker;
  maker.format(memory, kCapacity, 0, 1);
  const bool raw = size != 0 && data[0] % 4 == 0;
  const std::size_t begin = raw ? 0 : sizeof(telemetry::RingHeader);
  const std::size_t taken = std::min(size, kRingBytes - begin);
  std::memcpy(memory + begin, data, taken);
  if (!raw) {
    auto* header = reinterpret_cast<telemetry::RingHeader*>(memory);
    header->head = std::min(kCapacity, taken / sizeof(Record));
  }
  telemetry::RecordRing ring;
  const std::string_view rest(reinterpret_cast<const char*>(data) + taken, size - taken);
  exporter::SeenRecords seen;
  exporter::Dictionaries names;
  for (std::size_t at = 0; at < rest.size();) {
    const std::string_view line = rest.substr(at, rest.find('\n', at) - at);
    seen.take_line(line);
    if (auto dictionary = exporter::DictionaryFile::parse(line))
      names.learn(std::move(*dictionary));
    at += line.size() + 1;
  }
  if (!ring.attach(memory)) return;
  CheckingSink sink(seen);
  exporter::ReplayCount count;
  fuzz_check(exporter::replay(ring, names, seen, sink, count));
  fuzz_check(count.records <= kCapacity);
  fuzz_check(ring.released_position() == ring.pushed());
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  headrace::check(data, size);
  return 0;
}
