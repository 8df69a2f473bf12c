#include "exporter/replay.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "exporter/assembler.h"
#include "exporter/jsonl.h"

namespace headrace::exporter {
namespace {

constexpr std::size_t kPiece = 1u << 20;
// A line that is longer is none of ours.
constexpr std::size_t kLineMax = 4u << 20;

// Inside a JSON string every quote is escaped, so these texts cannot come from a client.
constexpr std::string_view kRing = R"("ring":")";
constexpr std::string_view kSequence = R"("sequence":)";

}  // namespace

void SeenRecords::take_line(std::string_view line) {
  const std::size_t at = line.find(kRing);
  if (at == std::string_view::npos) return;
  const std::string_view hex = line.substr(at + kRing.size(), 16);
  std::uint64_t ring = 0;
  const auto parsed = std::from_chars(hex.data(), hex.data() + hex.size(), ring, 16);
  if (hex.size() != 16 || parsed.ptr != hex.data() + hex.size()) return;
  auto& sequences = by_ring_[ring];
  for (std::size_t next = 0; (next = line.find(kSequence, next)) != std::string_view::npos;) {
    next += kSequence.size();
    std::uint64_t sequence = 0;
    const char* begin = line.data() + next;
    if (std::from_chars(begin, line.data() + line.size(), sequence).ec == std::errc()) {
      sequences.insert(sequence);
    }
  }
}

bool SeenRecords::has(std::uint64_t ring, std::uint64_t sequence) const {
  const auto found = by_ring_.find(ring);
  return found != by_ring_.end() && found->second.contains(sequence);
}

std::size_t SeenRecords::count() const {
  std::size_t total = 0;
  for (const auto& [ring, sequences] : by_ring_) total += sequences.size();
  return total;
}

void SeenRecords::read(const std::string& path, std::size_t lines) {
  std::size_t have = read_file(path, lines);
  for (std::size_t number = 1; have < lines; ++number) {
    const std::string rotated = Jsonl::rotated_name(path, number);
    // A rotation that was cut short may have left a gap at the first place.
    if (::access(rotated.c_str(), F_OK) != 0 && number > 1) break;
    have += read_file(rotated, lines - have);
  }
}

// From the end backwards, in pieces; returns how many lines that were.
std::size_t SeenRecords::read_file(const std::string& path, std::size_t lines) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (fd < 0) return 0;
  std::uint64_t begin = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)
                            ? static_cast<std::uint64_t>(status.st_size)
                            : 0;
  std::string piece;
  std::string rest;  // the beginning of a line whose end was in the piece before
  std::size_t taken = 0;
  while (begin != 0 && taken < lines && rest.size() < kLineMax) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(begin, kPiece));
    begin -= length;
    piece.resize(length);
    if (::pread(fd, piece.data(), length, static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(length)) {
      break;
    }
    piece += rest;
    std::string_view text = piece;
    while (taken < lines) {
      const std::size_t end = text.rfind('\n');
      if (end == std::string_view::npos) break;
      const std::string_view line = text.substr(end + 1);
      text = text.substr(0, end);
      if (line.empty()) continue;
      take_line(line);
      ++taken;
    }
    rest.assign(text);
  }
  if (begin == 0 && taken < lines && !rest.empty()) {
    take_line(rest);
    ++taken;
  }
  ::close(fd);
  return taken;
}

bool replay(telemetry::RecordRing& ring,
            const Dictionaries& names,
            const SeenRecords& seen,
            Sink& sink,
            ReplayCount& count) {
  Assembler assembler(ring.id(), ring.capacity());
  const auto emit = [&](Entry& entry) {
    const Record& first = entry.request ? entry.request->record : entry.attempts.front().record;
    entry.names = names.find(first.epoch);
    sink.write(entry);
    ++count.entries;
  };
  for (std::span<const Record> records = ring.read(); !records.empty(); records = ring.read()) {
    std::uint64_t position = ring.read_position() - records.size();
    for (const Record& record : records) {
      ++count.records;
      if (seen.has(ring.id(), record.sequence)) {
        ++count.known;
      } else {
        assembler.take(position, record, emit);
      }
      ++position;
    }
  }
  assembler.finish(emit);
  if (!sink.flush()) return false;
  ring.release(ring.read_position());
  return true;
}

}  // namespace headrace::exporter
