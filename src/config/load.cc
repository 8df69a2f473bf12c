#include "config/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "config/from_environment.h"
#include "config/listen_tls.h"
#include "config/overrides.h"
#include "config/provider_tls.h"
#include "config/reader.h"
#include "config/yaml_tree.h"

namespace headrace::config {
namespace {

constexpr std::string_view kSearched[] = {"headrace.yaml", "/etc/headrace/headrace.yaml"};

constexpr std::string_view kDefaultText = R"(listen: 127.0.0.1:8080
admin: 127.0.0.1:9090
providers:
  mock:
    base_url: http://127.0.0.1:9001/v1
routes:
  - model: "*"
    targets: [mock]
)";

// The whole file, or an empty optional with errno set. A file that grows past its bound is cut one
// byte above it, where the parser refuses it.
std::optional<std::string> read_whole(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  std::string text;
  ssize_t got = 0;
  do {
    constexpr std::size_t kStep = 16 * 1024;
    const std::size_t size = text.size();
    text.resize(size + kStep);
    got = ::read(fd, &text[size], kStep);
    text.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
  } while (got > 0 && text.size() <= base::limits::kConfigBytes);
  const int code = errno;
  ::close(fd);
  errno = code;
  return got < 0 ? std::nullopt : std::optional(std::move(text));
}

}  // namespace

LoadOutcome load_text(std::string_view yaml, const Environment& environment) {
  LoadOutcome outcome;
  Faults faults;
  TreeNode root;
  if (parse_yaml(yaml, root, faults)) {
    outcome.warnings = apply_overrides(root, environment);
    Reader reader(environment, faults);
    Snapshot snapshot = reader.read(root);
    if (faults.empty()) outcome.snapshot = std::move(snapshot);
  }
  outcome.faults = faults.take();
  HEADRACE_ASSERT(outcome.ok() == outcome.faults.empty());
  return outcome;
}

LoadOutcome load_file(const std::string& path, const Environment& environment) {
  LoadOutcome outcome;
  if (const auto text = read_whole(path)) {
    outcome = load_text(*text, environment);
  } else {
    outcome.faults.push_back({0, "cannot be read: " + std::string(std::strerror(errno))});
  }
  outcome.source = path;
  return outcome;
}

namespace {

LoadOutcome find_and_load(const std::string& path_or_empty, const Environment& environment) {
  if (!path_or_empty.empty()) return load_file(path_or_empty, environment);
  for (const auto searched : kSearched) {
    const std::string path(searched);
    // A file that is there and cannot be read is a fault; only its absence goes on to the next.
    if (::access(path.c_str(), F_OK) == 0) return load_file(path, environment);
  }
  const FoundProviders found = find_providers(environment);
  LoadOutcome outcome = load_text(found.text.empty() ? kDefaultText : found.text, environment);
  outcome.source = kEmbeddedSource;
  if (!found.text.empty()) {
    outcome.source = "the environment, with " + found.names;
    for (Fault& fault : outcome.faults) fault.line = 0;  // of a text that nobody has seen
  }
  return outcome;
}

}  // namespace

LoadOutcome load(const std::string& path_or_empty, const Environment& environment) {
  LoadOutcome outcome = find_and_load(path_or_empty, environment);
  if (!outcome.ok()) return outcome;
  for (std::string& line : load_listen_tls(*outcome.snapshot))
    outcome.faults.push_back({0, std::move(line)});
  for (std::string& line : load_provider_tls(*outcome.snapshot))
    outcome.faults.push_back({0, std::move(line)});
  if (!outcome.faults.empty()) outcome.snapshot.reset();
  return outcome;
}

std::string_view default_text() {
  return kDefaultText;
}

Snapshot default_config() {
  LoadOutcome outcome = load_text(kDefaultText, Environment{});
  HEADRACE_ASSERT(outcome.ok());
  return std::move(*outcome.snapshot);
}

std::string format_faults(const LoadOutcome& outcome) {
  std::string text;
  for (const auto& fault : outcome.faults) {
    text += outcome.source;
    if (fault.line > 0) text += ":" + std::to_string(fault.line);
    text += ": " + fault.message + "\n";
  }
  return text;
}

}  // namespace headrace::config
