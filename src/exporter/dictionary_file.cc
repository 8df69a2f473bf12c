#include "exporter/dictionary_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/limits.h"
#include "exporter/json_text.h"
#include "json/scan.h"
#include "json/text.h"

namespace headrace::exporter {
namespace {

using base::Bytes;

constexpr const char* kName = "dictionary";

void put_list(JsonText& out, const JsonKey& name, const std::vector<std::string>& list) {
  out.key(name).begin_list();
  for (const std::string& each : list) out.string(each);
  out.end_list();
}

bool take_list(Bytes document, const json::FoundValue& value, std::vector<std::string>& list) {
  if (!value.found()) return true;
  if (value.type != json::Type::array) return false;
  json::ArrayWalk walk(value.text(document));
  std::string scratch;
  while (const auto element = walk.next()) {
    if (!element->starts_with('"')) return false;
    scratch.resize(element->size());
    const auto text = json::unescape(*element, scratch);
    if (!text) return false;
    list.emplace_back(*text);
  }
  return true;
}

base::Status failed() {
  return base::gateway_error(base::Errc::io_failed, errno);
}

std::string read_whole(int fd, std::size_t size) {
  std::string text(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::pread(fd, text.data() + have, size - have, static_cast<off_t>(have));
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

}  // namespace

DictionaryFile::DictionaryFile(DictionaryFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      known_(std::move(other.known_)),
      next_epoch_(other.next_epoch_) {}

DictionaryFile& DictionaryFile::operator=(DictionaryFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(known_, other.known_);
  std::swap(next_epoch_, other.next_epoch_);
  return *this;
}

DictionaryFile::~DictionaryFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<DictionaryFile> DictionaryFile::open(const telemetry::StateDir& dir,
                                                   std::string& fault) {
  DictionaryFile file;
  file.fd_ = ::openat(dir.fd(), kName, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  struct stat status{};
  if (file.fd_ < 0 || ::fstat(file.fd_, &status) != 0) {
    fault = dir.path() + "/" + kName + " cannot be opened: " + std::strerror(errno);
    return std::nullopt;
  }
  const auto size = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  const std::string text = read_whole(file.fd_, std::min(size, base::limits::kDictionaryBytes));
  std::string_view rest = text;
  for (std::size_t end = 0; (end = rest.find('\n')) != Bytes::npos; rest.remove_prefix(end + 1)) {
    file.take_line(rest.substr(0, end));
  }
  // What follows the last line end was torn in mid-write.
  file.size_ = text.size() - rest.size();
  if (::ftruncate(file.fd_, static_cast<off_t>(file.size_)) != 0) {
    fault = dir.path() + "/" + kName + " cannot be cut: " + std::strerror(errno);
    return std::nullopt;
  }
  return file;
}

void DictionaryFile::take_line(std::string_view line) {
  auto dictionary = parse(line);
  if (!dictionary || dictionary->epoch == UINT32_MAX) return;
  next_epoch_ = std::max(next_epoch_, dictionary->epoch + 1);
  known_.learn(std::move(*dictionary));
}

base::Status DictionaryFile::append(const Dictionary& dictionary) {
  const std::string line = line_of(dictionary);
  if (size_ + line.size() > base::limits::kDictionaryBytes) {
    HEADRACE_TRY(restart());
  }
  HEADRACE_TRY(write(line));
  next_epoch_ = std::max(next_epoch_, dictionary.epoch + 1);
  return {};
}

base::Status DictionaryFile::restart() {
  Dictionary last;
  last.epoch = next_epoch_ - 1;
  if (::ftruncate(fd_, 0) != 0) return failed();
  size_ = 0;
  return write(line_of(last));
}

base::Status DictionaryFile::write(const std::string& line) {
  const ssize_t written = ::write(fd_, line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    const base::Status status = failed();
    // A half line would swallow the next one.
    [[maybe_unused]] const int cut = ::ftruncate(fd_, static_cast<off_t>(size_));
    return status;
  }
  size_ += line.size();
  if (::fdatasync(fd_) != 0) return failed();
  return {};
}

std::string DictionaryFile::line_of(const Dictionary& dictionary) {
  JsonText out;
  out.begin_object().key("epoch").number(dictionary.epoch);
  put_list(out, "routes", dictionary.routes);
  put_list(out, "targets", dictionary.targets);
  put_list(out, "providers", dictionary.providers);
  put_list(out, "keys", dictionary.keys);
  put_list(out, "prices", dictionary.prices);
  std::string line;
  out.end_object().move_line(line);
  return line;
}

std::optional<Dictionary> DictionaryFile::parse(std::string_view line) {
  constexpr Bytes kKeys[] = {"epoch", "routes", "targets", "providers", "keys", "prices"};
  json::FoundValue found[6];
  if (line.size() > base::limits::kDictionaryBytes) return std::nullopt;
  if (!json::scan_object(line, kKeys, found).ok()) return std::nullopt;
  const auto epoch =
      found[0].type == json::Type::number ? base::parse_decimal(found[0].text(line)) : std::nullopt;
  if (!epoch || *epoch > UINT32_MAX) return std::nullopt;
  Dictionary dictionary;
  dictionary.epoch = static_cast<std::uint32_t>(*epoch);
  const bool whole = take_list(line, found[1], dictionary.routes) &&
                     take_list(line, found[2], dictionary.targets) &&
                     take_list(line, found[3], dictionary.providers) &&
                     take_list(line, found[4], dictionary.keys) &&
                     take_list(line, found[5], dictionary.prices);
  if (!whole) return std::nullopt;
  return dictionary;
}

}  // namespace headrace::exporter
