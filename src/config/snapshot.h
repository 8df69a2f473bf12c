// The configuration as the program uses it: immutable, built once by config/load and swapped whole
// at reload. Plain data; nothing here knows where it came from.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/time.h"

namespace headrace::net {
class TlsClient;
class TlsServer;
}  // namespace headrace::net

namespace headrace::config {

using base::Nanos;

enum class Backend : std::uint8_t { automatic, io_uring, epoll };
enum class Busy : std::uint8_t { automatic, always, off };
enum class Pin : std::uint8_t { automatic, on, off };  // config/host.h decides `automatic`
enum class HalfClose : std::uint8_t { cancel, ignore };
// Who may ask. `automatic`: holders of a key where there are keys, else whoever can connect.
enum class Access : std::uint8_t { automatic, open, keys, bring };
// What clients may speak. `automatic`: HTTP/1.1 and HTTP/2, as the client likes.
enum class ListenHttp : std::uint8_t { automatic, http1 };
// What is spoken to a provider. `automatic`: over TLS what both know, best first; else HTTP/1.1.
enum class HttpVersion : std::uint8_t { automatic, http1, h2, h2c };
// What becomes of an answer whose client goes. `automatic`: as the provider is known to charge.
enum class OnDisconnect : std::uint8_t { automatic, cancel, drain };

// A certificate with its chain, and its key: two files in PEM.
struct TlsCertificate {
  std::string certificate;
  std::string key;
};

// A place to listen: "127.0.0.1:8080", "[::1]:8080", "unix:/run/headrace.sock", "unix:@name".
struct Listen {
  std::string address;
  std::uint32_t mode = 0660;  // unix sockets
  std::string group;          // unix sockets; empty: unchanged
  HalfClose half_close = HalfClose::cancel;
  ListenHttp http = ListenHttp::automatic;
  std::vector<TlsCertificate> tls_certificates{};  // none: plain; the first is the default
  std::string client_ca_file{};                    // clients must show a certificate of these
  std::shared_ptr<const net::TlsServer> tls{};     // made of these by config/listen_tls
};

struct IoOptions {
  Backend backend = Backend::automatic;
  bool tiny = false;   // test mode: 8 entries, 2 buffers of 64 B, pools of 1
  std::string compat;  // "6.1": use no newer kernel feature
};

struct Limits {
  std::size_t body_bytes = base::limits::kBodyBytesDefault;
  std::size_t client_connections = base::limits::kClientConnections;
  Nanos head_timeout = base::limits::kHeadTimeout;
  Nanos body_grace = base::limits::kBodyGrace;
  Nanos write_stall_timeout = base::limits::kWriteStallTimeout;
  Nanos keep_alive_timeout = base::limits::kKeepAliveTimeout;
};

// The audit file: one line a request, written by the exporter. docs/audit-format.md.
struct AuditOptions {
  std::string path;  // empty: none is written
  std::size_t rotate_bytes = base::limits::kAuditRotateBytes;
  Nanos rotate_age = base::limits::kAuditRotateAge;  // 0: by size only
  std::uint32_t keep = base::limits::kAuditKeep;     // rotated files; 0: all
  bool required = false;  // rather refuse requests (or to start) than lose a record
};

// What we show to a provider. A provider has one or several; each goes to it alone.
struct Credential {
  std::string name;     // for metrics and logs
  std::string api_key;  // never logged; empty: none is sent
  std::uint32_t weight = 1;
};

inline constexpr std::string_view kNoPrices = "none";

// A forward proxy on the way to a provider, which is spoken to in plain HTTP.
struct Proxy {
  std::string host;  // name or address, without brackets; empty: there is none
  std::uint16_t port = 80;
  std::string authority;    // "proxy.corp:3128", for people
  std::string credentials;  // "user:password", never logged; empty: none are shown
};

inline constexpr std::string_view kNoProxy = "none";

struct Provider {
  std::string name;
  std::string dialect = "openai";
  std::string base_url;  // as it was configured, for people; the fields below are what is used
  std::string scheme;    // "http", "https" or "http+unix"
  std::string host;      // name or address, without brackets; the socket path of http+unix
  std::uint16_t port = 80;
  std::string authority;  // the Host field we send
  std::string base_path;  // "/v1", no trailing slash
  std::string api_key;    // never logged; the first of `credentials`, unless it is empty
  std::vector<Credential> credentials;  // as read: never empty
  bool traces = false;                  // it is told the trace that a request is part of
  HttpVersion http = HttpVersion::automatic;
  std::uint32_t warm_min = 0;  // spare connections per worker
  bool reports_usage = true;   // it knows stream_options.include_usage
  OnDisconnect on_disconnect = OnDisconnect::automatic;
  bool drains = false;            // what that means here: the answer is read to its end
  bool takes_client_key = false;  // a key that a client brought was brought for this one
  std::string price_as;  // its name in the price table, or kNoPrices; empty: by name, else by host
  bool is_private =
      false;            // plaintext with a key is allowed only to loopback or a private provider
  std::string proxy;    // as it was configured; empty: as the environment says, see `egress`
  Proxy egress;         // what is used, made of these by config/egress
  std::string ca_file;  // https: whom to believe; empty: net::TlsTrust::default_file()
  std::string tls_certificate;  // https: what we show; empty: nothing
  std::string tls_key;
  std::shared_ptr<const net::TlsClient> tls;  // made of these by config/provider_tls; null: http
  std::vector<sockaddr_storage>
      addresses;  // resolved by the control thread, of the proxy if there is one; empty: not (yet)

  // Who is connected to: what its addresses are of.
  const std::string& peer_host() const { return egress.host.empty() ? host : egress.host; }
  std::uint16_t peer_port() const { return egress.host.empty() ? port : egress.port; }
};

struct Target {
  std::string name;            // metric label: provider, or provider/model
  std::size_t provider = 0;    // index into Snapshot::providers
  std::string model;           // sent instead of the client's; empty: as it came
  std::uint32_t priority = 0;  // lower first, equal ones share by weight; 0: its place in the list
  std::uint32_t weight = 1;
};

struct Route {
  std::string model;  // what the client asks for: exact, or a glob with `*`
  std::vector<Target> targets;
  Nanos connect_timeout = base::limits::kConnectTimeout;
  Nanos first_token_timeout = 0;  // 0: off
  Nanos idle_timeout = base::limits::kIdleTimeout;
  Nanos total_timeout = base::limits::kTotalTimeout;
  std::uint32_t attempts = base::limits::kAttempts;  // at most, for one request
  bool reasoning_is_useful = false;                  // a reasoning delta reaches the commit point
};

struct Label {
  std::string name;
  std::string value;
};

// A key that we gave to a client, known only by its keyed hash.
struct ClientKey {
  std::string name;
  std::string hash;  // HMAC-SHA256 under Snapshot::key_secret, 64 hex digits; empty: by certificate
  std::vector<std::string> certificates;  // of its holder, as net::PeerCertificate names them
  std::vector<std::string> models;        // exact or globs; empty: all
  std::uint32_t requests_per_minute = 0;  // 0: no limit, for each of the three
  std::uint32_t tokens_per_minute = 0;
  std::uint32_t concurrency = 0;
  std::int64_t expires = 0;  // seconds since 1970; 0: never
  bool disabled = false;
  std::vector<Label> labels;
};

struct Snapshot {
  std::vector<Listen> listen;
  std::string admin;          // address of the admin listener; empty: none
  std::uint32_t workers = 0;  // 0: from affinity and cgroup quota
  Busy busy = Busy::automatic;
  Pin pin = Pin::automatic;
  IoOptions io;
  Limits limits;
  std::string state_dir;  // the rings that survive a crash; empty: /dev/shm/headrace-<uid>
  AuditOptions audit;
  bool log_requests = false;  // one line a request on standard output
  std::string prices;         // a file in the form of config/prices.json; empty: the built-in one
  Nanos drain_timeout = base::limits::kDrainTimeout;
  Nanos drain_delay = 0;
  Access access = Access::automatic;
  std::string key_secret;  // never logged
  std::vector<ClientKey> keys;
  std::vector<Provider> providers;
  std::vector<Route> routes;
  std::uint64_t epoch = 0;  // counts up with every snapshot that goes live
};

}  // namespace headrace::config
