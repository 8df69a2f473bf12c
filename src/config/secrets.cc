#include "config/secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/limits.h"
#include "config/fault.h"

namespace headrace::config {
namespace {

constexpr std::string_view kFile = "file:";

bool is_name(std::string_view text) {
  if (text.empty() || base::is_digit(text.front())) return false;
  for (const char c : text) {
    const char lowered = base::lower(c);
    if (!(lowered >= 'a' && lowered <= 'z') && !base::is_digit(c) && c != '_') return false;
  }
  return true;
}

// A regular file only: a pipe or a device could block the start for ever.
std::string read_secret(const std::string& path, std::string& out) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return std::strerror(errno);
  struct stat info{};
  std::string fault;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    fault = "not a regular file";
  } else {
    std::string bytes(base::limits::kSecretFileBytes + 1, '\0');
    std::size_t size = 0;
    ssize_t got = 0;
    while (size < bytes.size() && (got = ::read(fd, &bytes[size], bytes.size() - size)) > 0) {
      size += static_cast<std::size_t>(got);
    }
    if (got < 0) fault = std::strerror(errno);
    if (size == bytes.size()) {
      fault = "larger than " + std::to_string(base::limits::kSecretFileBytes) + " bytes";
    }
    bytes.resize(size);
    if (bytes.ends_with('\n')) bytes.pop_back();
    if (bytes.ends_with('\r')) bytes.pop_back();
    out += bytes;
  }
  ::close(fd);
  return fault;
}

std::string expand_file(std::string_view path, const Environment& environment, std::string& out) {
  const std::string shown = "${file:...} names " + quote(path);
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
    return shown + ", which is not an absolute path";
  }
  if (!environment.may_read_files) return shown + "; files are not read here";
  const std::string fault = read_secret(std::string(path), out);
  return fault.empty() ? "" : shown + ", which cannot be read: " + fault;
}

std::string expand_variable(std::string_view inside,
                            const Environment& environment,
                            std::string& out) {
  const std::size_t colon = inside.find(":-");
  const bool has_default = colon != std::string_view::npos;
  const std::string_view name = inside.substr(0, colon);
  // Not quoted: somebody may have put the secret itself between the braces.
  if (!is_name(name)) return "${...} holds no variable name; write $${ for a plain ${";
  const std::string* value = environment.find(name);
  if (value != nullptr && !value->empty()) {
    out += *value;
    return "";
  }
  if (has_default) {
    out += inside.substr(colon + 2);
    return "";
  }
  const std::string shown = "${" + std::string(name) + "}";
  return shown + (value == nullptr ? " is not set in the environment" : " is set but empty") +
         "; set it, or give a default: ${" + std::string(name) + ":-}";
}

}  // namespace

const std::string* Environment::find(std::string_view name) const {
  const auto found = variables.find(name);
  return found == variables.end() ? nullptr : &found->second;
}

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view pair(*entry);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    environment.variables.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return environment;
}

Expanded expand(std::string_view text, const Environment& environment) {
  Expanded result;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    result.text += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.starts_with("$${")) {
      result.text += "${";
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      const std::size_t end = text.find('}');
      if (end == std::string_view::npos) {
        result.fault = "${ without its }; write $${ for a plain ${";
        return result;
      }
      const std::string_view inside = text.substr(2, end - 2);
      result.changed = true;
      result.fault = inside.starts_with(kFile)
                         ? expand_file(inside.substr(kFile.size()), environment, result.text)
                         : expand_variable(inside, environment, result.text);
      if (result.text.size() > base::limits::kConfigBytes)
        result.fault = "${...} brings in too much text";
      if (!result.fault.empty()) return result;
      text.remove_prefix(end + 1);
    } else {
      result.text += '$';
      text.remove_prefix(1);
    }
  }
  return result;
}

bool is_header_safe(std::string_view secret) {
  for (const char c : secret) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return !secret.empty();
}

}  // namespace headrace::config
