#include "server/price_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/limits.h"

namespace headrace::server {
namespace {

// A regular file only: a pipe could block the start for ever.
std::optional<std::string> read_file(const std::string& path, std::string& fault) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    fault = std::string("cannot be read: ") + std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return std::nullopt;
  }
  constexpr std::size_t kMost = base::limits::kPriceFileBytes;
  std::string text;
  if (!S_ISREG(status.st_mode)) {
    fault = "is no plain file";
  } else if (static_cast<std::size_t>(status.st_size) > kMost) {
    fault = "is larger than " + std::to_string(kMost) + " bytes";
  } else {
    text.resize(static_cast<std::size_t>(status.st_size));
    std::size_t size = 0;
    ssize_t got = 0;
    while (size < text.size() && (got = ::read(fd, &text[size], text.size() - size)) > 0) {
      size += static_cast<std::size_t>(got);
    }
    if (got < 0) fault = std::string("cannot be read: ") + std::strerror(errno);
    text.resize(size);
  }
  ::close(fd);
  if (!fault.empty()) return std::nullopt;
  return text;
}

}  // namespace

std::shared_ptr<const meter::PriceTable> PriceSource::load(const config::Snapshot& snapshot,
                                                           std::string& fault) {
  fault.clear();
  if (!read(snapshot.prices, fault)) return nullptr;
  for (const config::Provider& provider : snapshot.providers) {
    const std::string& wanted = provider.price_as;
    if (wanted.empty() || wanted == config::kNoPrices || table_->has_provider(wanted)) continue;
    fault = "providers." + provider.name + ".price_as: the price table has no provider \"" +
            wanted + "\"";
    return nullptr;
  }
  return table_;
}

// A table that is faulty leaves the one before it as it is.
bool PriceSource::read(const std::string& path, std::string& fault) {
  std::optional<std::string> text;
  if (path.empty()) {
    if (built_in_) return true;
  } else {
    text = read_file(path, fault);
    if (text && !built_in_ && table_ != nullptr && *text == text_) return true;
  }
  std::optional<meter::PriceTable> table;
  if (path.empty() || text) {
    table = meter::PriceTable::parse(text ? *text : meter::PriceTable::built_in(), fault);
  }
  if (!table) {
    fault = "prices: " + (path.empty() ? std::string("the built-in table") : path) + ": " + fault;
    return false;
  }
  table_ = std::make_shared<const meter::PriceTable>(std::move(*table));
  built_in_ = path.empty();
  text_ = text ? std::move(*text) : std::string();
  return true;
}

}  // namespace headrace::server
