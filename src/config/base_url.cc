#include "config/base_url.h"

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "net/address.h"

namespace headrace::config {
namespace {

constexpr std::string_view kSchemes = "must begin with https://, http:// or http+unix://";

std::uint16_t usual_port(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

bool is_letter(char c) {
  const char lowered = base::lower(c);
  return lowered >= 'a' && lowered <= 'z';
}

// RFC 1123 labels. The last one must hold a letter: "10.1" and "0x7f.1" are addresses to some
// resolvers.
bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  bool label_has_letter = false;
  while (true) {
    const std::string_view label = host.substr(0, host.find('.'));
    if (label.empty() || label.size() > 63) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    label_has_letter = false;
    for (const char c : label) {
      if (!is_letter(c) && !base::is_digit(c) && c != '-' && c != '_') return false;
      label_has_letter = label_has_letter || (is_letter(c) && !label.starts_with("0x"));
    }
    if (label.size() == host.size()) return label_has_letter;
    host.remove_prefix(label.size() + 1);
  }
}

// RFC 3986 pchar and "/", with complete percent escapes and without segments that servers would
// fold.
bool is_plain_path(std::string_view path) {
  constexpr std::string_view kMarks = "-._~!$&'()*+,;=:@/%";
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (!is_letter(c) && !base::is_digit(c) && kMarks.find(c) == std::string_view::npos)
      return false;
    if (c != '%') continue;
    if (i + 2 >= path.size()) return false;
    if (base::hex_value(path[i + 1]) < 0 || base::hex_value(path[i + 2]) < 0) return false;
  }
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    path.remove_prefix(segment.size());
  }
  return true;
}

std::string split_scheme(std::string_view scheme, Provider& provider) {
  for (const std::string_view known : {"https", "http", "http+unix"}) {
    if (!base::equals_lowered(scheme, known)) continue;
    provider.scheme = known;
    return {};
  }
  return std::string(kSchemes);
}

// The path of a socket, whose slashes are escaped: http+unix://%2Frun%2Fmodel.sock/v1
std::string split_socket_path(std::string_view text, Provider& provider) {
  constexpr std::string_view kForm =
      "the path of the socket stands escaped where the host would: http+unix://%2Frun%2Fx.sock/v1";
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      path += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::string(kForm);
    const int high = base::hex_value(text[i + 1]);
    const int low = base::hex_value(text[i + 2]);
    if (high < 0 || low < 0 || high + low == 0) return std::string(kForm);
    path += static_cast<char>(high * 16 + low);
    i += 2;
  }
  const bool begins_well = path.starts_with('/') || path.starts_with('@');
  if (!begins_well || !net::parse_address("unix:" + path)) return std::string(kForm);
  provider.host = path;
  provider.port = 0;
  provider.authority = "localhost";
  return {};
}

std::string split_authority(std::string_view authority, Provider& provider) {
  if (provider.scheme == "http+unix") return split_socket_path(authority, provider);
  std::string_view host = authority;
  std::string_view port;
  bool has_port = false;
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    has_port = true;
  }
  const auto number = base::parse_decimal(port);
  if (has_port && (!number || *number == 0 || *number > 65535))
    return "the port is no number from 1 to 65535";

  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool literal = net::parse_literal(host, 0).has_value();
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (bracketed != has_colon || (bracketed && !literal)) {
    return "an IPv6 host stands in brackets: http://[::1]:9001/v1";
  }
  if (!literal && !is_host_name(host)) return "the host is neither a host name nor an IP address";

  provider.host = host;
  std::transform(provider.host.begin(), provider.host.end(), provider.host.begin(), base::lower);
  const std::uint16_t usual = usual_port(provider.scheme);
  provider.port = has_port ? static_cast<std::uint16_t>(*number) : usual;
  provider.authority = bracketed ? "[" + provider.host + "]" : provider.host;
  if (provider.port != usual) provider.authority += ":" + std::to_string(provider.port);
  return {};
}

}  // namespace

std::string split_base_url(std::string_view url, Provider& provider) {
  constexpr std::string_view kSeparator = "://";
  constexpr std::size_t kLengthMax = 1024;  // it goes into the head of every request
  if (url.size() > kLengthMax) return "is longer than 1024 characters";
  const std::size_t scheme_end = url.find(kSeparator);
  if (scheme_end == std::string_view::npos) return std::string(kSchemes);
  if (std::string fault = split_scheme(url.substr(0, scheme_end), provider); !fault.empty())
    return fault;
  url.remove_prefix(scheme_end + kSeparator.size());

  if (url.find('#') != std::string_view::npos) return "a fragment (#) has no place here; remove it";
  if (url.find('?') != std::string_view::npos) return "a query (?) has no place here; remove it";
  const std::string_view authority = url.substr(0, url.find('/'));
  if (authority.find('@') != std::string_view::npos) {
    return "user names and passwords have no place here; use api_key";
  }
  std::string_view path = url.substr(authority.size());
  if (path.ends_with('/')) path.remove_suffix(1);
  if (!is_plain_path(path)) {
    return "the path may hold letters, digits and -._~!$&'()*+,;=:@ and complete %xx, and no empty "
           "or "
           "dot segments";
  }
  if (std::string fault = split_authority(authority, provider); !fault.empty()) return fault;
  provider.base_path = path;
  return {};
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost") return true;
  const auto literal = net::parse_literal(host, 0);
  return literal && net::is_loopback(*literal);
}

}  // namespace headrace::config
