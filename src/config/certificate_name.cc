#include "config/certificate_name.h"

#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"

namespace headrace::config {
namespace {

constexpr std::string_view kForms =
    "write \"sha256:\" and 64 hex digits, \"dns:NAME\" or \"uri:URI\"";

std::string read_fingerprint(std::string_view digits, std::string& name) {
  constexpr std::size_t kDigits = 64;
  std::string hex;
  for (const char c : digits) {
    if (c == ':') continue;
    if (base::hex_value(c) < 0) return "holds something else than hex digits";
    hex += base::lower(c);
  }
  if (hex.size() != kDigits) return "has " + std::to_string(hex.size()) + " hex digits, not 64";
  name = "sha256:" + hex;
  return {};
}

}  // namespace

std::string read_certificate_name(const std::string& text, std::string& name) {
  const std::string_view all = text;
  const std::string_view kind = all.substr(0, all.find(':') + 1);
  const std::string_view rest = all.substr(kind.size());
  if (kind == "sha256:") return read_fingerprint(rest, name);
  if (kind != "dns:" && kind != "uri:") {
    return "names no certificate; " + std::string(kForms);
  }
  if (rest.empty() || rest.size() > base::limits::kCertificateNameBytes) {
    return "names no certificate; " + std::string(kForms);
  }
  for (const char c : rest) {
    if (c <= ' ' || c == 0x7f) return "holds a blank or a control character";
  }
  if (rest.find('*') != std::string_view::npos && kind == "dns:") {
    return "has a wildcard, but a key belongs to one name; write the name that the certificate "
           "bears";
  }
  name = kind;
  for (const char c : rest) name += kind == "dns:" ? base::lower(c) : c;
  return {};
}

}  // namespace headrace::config
