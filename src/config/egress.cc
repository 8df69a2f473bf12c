#include "config/egress.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "base/limits.h"
#include "config/base_url.h"
#include "net/address.h"

namespace headrace::config {
namespace {

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// Percent escapes undone. False: one is broken, or stands for what no field may carry.
bool unescape(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = base::hex_value(text[i + 1]);
      const int low = base::hex_value(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) return false;
    out += c;
  }
  return true;
}

// "user:password"; RFC 7617 has no colon in a user.
std::string read_credentials(std::string_view text, std::string& credentials) {
  constexpr std::string_view kFault =
      "the user and the password stand before the @ with a colon between; write other characters "
      "than letters and digits as %xx";
  const std::size_t colon = text.find(':');
  std::string user;
  std::string password;
  if (!unescape(text.substr(0, colon), user)) return std::string(kFault);
  if (colon != std::string_view::npos && !unescape(text.substr(colon + 1), password)) {
    return std::string(kFault);
  }
  if (user.empty() || user.find(':') != std::string::npos) return std::string(kFault);
  credentials = user + ":" + password;
  return {};
}

std::string_view without_brackets(std::string_view host) {
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

// The bytes of an address as they are on the wire; an IPv4 one has 4.
std::string_view bytes_of(const net::Address& address) {
  if (address.family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return {reinterpret_cast<const char*>(&v6.sin6_addr), sizeof v6.sin6_addr};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  return {reinterpret_cast<const char*>(&v4.sin_addr), sizeof v4.sin_addr};
}

bool is_within(const net::Address& address, std::string_view network, std::string_view size) {
  const auto base = net::parse_literal(without_brackets(network), 0);
  const auto bits = base::parse_decimal(size);
  if (!base || !bits || base->family() != address.family()) return false;
  const std::string_view left = bytes_of(address);
  const std::string_view right = bytes_of(*base);
  if (*bits > left.size() * 8) return false;
  for (std::size_t i = 0; i < *bits; ++i) {
    const int differing = (left[i / 8] ^ right[i / 8]) >> (7 - i % 8);
    if ((differing & 1) != 0) return false;
  }
  return true;
}

// A port behind the last colon, of what is no bare IPv6 address.
std::string_view cut_port(std::string_view& entry) {
  const std::size_t colon = entry.rfind(':');
  if (colon == std::string_view::npos || net::parse_literal(entry, 0)) return {};
  if (entry.find(':') != colon && !entry.substr(0, colon).ends_with(']')) return {};
  const std::string_view port = entry.substr(colon + 1);
  entry = entry.substr(0, colon);
  return port;
}

bool names(std::string_view entry, std::string_view host, std::uint16_t port) {
  if (entry == "*") return true;
  const std::size_t slash = entry.find('/');
  const auto literal = net::parse_literal(host, 0);
  if (slash != std::string_view::npos) {
    return literal && is_within(*literal, entry.substr(0, slash), entry.substr(slash + 1));
  }
  if (const std::string_view wanted = cut_port(entry); !wanted.empty()) {
    const auto number = base::parse_decimal(wanted);
    if (!number || *number != port) return false;
  }
  if (literal) {
    const auto address = net::parse_literal(without_brackets(entry), 0);
    return address && *address == *literal;
  }
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || entry.size() > host.size()) return false;
  const std::size_t before = host.size() - entry.size();
  if (before != 0 && host[before - 1] != '.') return false;
  return std::equal(entry.begin(),
                    entry.end(),
                    host.begin() + static_cast<long>(before),
                    [](char left, char right) { return base::lower(left) == right; });
}

struct Variable {
  std::string_view name;  // as it is set; empty: it is not
  std::string_view value;
};

// By its name in small letters, then in capitals; an empty one counts as absent.
Variable find_variable(const Environment& environment, std::string_view lowered) {
  std::string upper;
  for (const char c : lowered) upper += c == '_' ? c : static_cast<char>(c - 'a' + 'A');
  for (const std::string& name : {std::string(lowered), upper}) {
    const auto found = environment.variables.find(name);
    if (found != environment.variables.end() && !found->second.empty()) {
      return {found->first, found->second};
    }
  }
  return {};
}

}  // namespace

std::string read_proxy(std::string_view url, Proxy& proxy) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kForm = "it is http://[user:password@]host[:port]";
  if (url.size() > base::limits::kProxyUrlBytes) {
    return "it is longer than " + std::to_string(base::limits::kProxyUrlBytes) + " characters";
  }
  if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) {
    if (base::equals_lowered(url.substr(0, scheme), "https")) {
      return "TLS to the proxy itself (https://) is not supported; what is sent through it has its "
             "own";
    }
    if (!base::equals_lowered(url.substr(0, scheme), "http")) {
      return "only proxies that speak HTTP are supported: " + std::string(kForm);
    }
    url.remove_prefix(kHttp.size());
  }
  if (url.ends_with('/')) url.remove_suffix(1);
  Proxy read;
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    std::string fault = read_credentials(url.substr(0, at), read.credentials);
    if (!fault.empty()) return fault;
    url.remove_prefix(at + 1);
  }
  if (url.find('/') != std::string_view::npos) return std::string(kForm);
  Provider place;  // the rules for a host are those of a base URL
  std::string fault = split_base_url(std::string(kHttp) + std::string(url), place);
  if (!fault.empty()) return fault;
  read.host = place.host;
  read.port = place.port;
  const bool is_v6 = place.host.find(':') != std::string::npos;
  read.authority = (is_v6 ? "[" + place.host + "]" : place.host) + ":" + std::to_string(place.port);
  proxy = std::move(read);
  return {};
}

bool is_exempt(std::string_view no_proxy, std::string_view host, std::uint16_t port) {
  constexpr std::string_view kBetween = ", \t";
  while (true) {
    const std::size_t begin = no_proxy.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return false;
    no_proxy.remove_prefix(begin);
    const std::size_t end = std::min(no_proxy.find_first_of(kBetween), no_proxy.size());
    if (names(no_proxy.substr(0, end), host, port)) return true;
    no_proxy.remove_prefix(end);
  }
}

std::string choose_egress(const Environment& environment, Provider& provider) {
  const bool is_unix = provider.scheme == "http+unix";
  if (!provider.proxy.empty()) {
    const bool has_one = provider.proxy != kNoProxy;
    return is_unix && has_one ? "means nothing to a Unix socket; remove it" : "";
  }
  if (provider.host.empty() || is_unix || is_loopback_host(provider.host)) return {};
  const std::string_view no_proxy = find_variable(environment, "no_proxy").value;
  if (is_exempt(no_proxy, provider.host, provider.port)) return {};
  Variable found =
      find_variable(environment, provider.scheme == "https" ? "https_proxy" : "http_proxy");
  if (found.name.empty()) found = find_variable(environment, "all_proxy");
  if (found.name.empty()) return {};
  const std::string fault = read_proxy(found.value, provider.egress);
  if (!fault.empty()) {
    return std::string(found.name) + " of the environment is no proxy: " + fault +
           "; write proxy: none where none is meant";
  }
  provider.proxy = found.value;  // what is in force can be shown
  return {};
}

}  // namespace headrace::config
