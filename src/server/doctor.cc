#include "server/doctor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include "base/limits.h"
#include "config/units.h"
#include "net/address.h"
#include "net/listen.h"
#include "net/resolver.h"
#include "server/egress_of.h"
#include "server/handshake.h"
#include "server/price_source.h"

namespace headrace::server {
namespace {

using config::HostFacts;
using config::Snapshot;

enum class Mark { good, note, bad };

class Page {
 public:
  void line(Mark mark, std::string_view subject, const std::string& finding) {
    constexpr std::size_t kColumn = 22;
    constexpr std::string_view kMarks[] = {"  ok  ", "  --  ", "  !!  "};
    report.text += kMarks[static_cast<std::size_t>(mark)];
    report.text += subject;
    report.text.append(subject.size() < kColumn ? kColumn - subject.size() : 1, ' ');
    report.text += finding + "\n";
    if (mark == Mark::bad) report.can_serve = false;
  }

  DoctorReport report;
};

base::Nanos now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * base::kSecond + time.tv_nsec;
}

std::string in_milliseconds(base::Nanos time) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f ms", static_cast<double>(time) / base::kMillisecond);
  return text;
}

std::string with_point(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

// 0, or the errno of a connect that did not succeed in time.
int try_connect(const net::Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int code = ::connect(fd, address.data(), address.size) == 0 ? 0 : errno;
  if (code == EINPROGRESS) {
    pollfd ready{fd, POLLOUT, 0};
    const int count =
        ::poll(&ready, 1, static_cast<int>(base::limits::kConnectTimeout / base::kMillisecond));
    socklen_t size = sizeof(code);
    if (count == 0) code = ETIMEDOUT;
    if (count < 0) code = errno;
    if (count > 0 && ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
  }
  ::close(fd);
  return code;
}

void show_kernel(const DoctorInput& input, Page& page) {
  const HostFacts& host = input.host;
  page.line(Mark::good, "configuration", std::string(input.source));
  page.line(Mark::good,
            "kernel",
            host.kernel +
                (host.hypervisor.empty() ? ", no hypervisor seen" : ", under " + host.hypervisor));
  if (input.backend.empty()) {
    page.line(Mark::bad, "backend", "none: " + std::string(input.backend_reason));
  } else {
    page.line(Mark::good,
              "backend",
              std::string(input.backend) + ": " + std::string(input.backend_reason));
  }
  const bool slow_clock = host.clock_source == "hpet" || host.clock_source == "acpi_pm";
  page.line(slow_clock ? Mark::note : Mark::good,
            "clock source",
            host.clock_source.empty() ? "unknown"
            : slow_clock
                ? host.clock_source + "; every reading is a system call: tsc would be faster"
                : host.clock_source);
  page.line(Mark::good,
            "congestion control",
            host.congestion_control.empty() ? "unknown" : host.congestion_control);
}

void show_processors(const DoctorInput& input, Page& page) {
  const HostFacts& host = input.host;
  const Snapshot& snapshot = input.snapshot;
  page.line(Mark::good,
            "cpu",
            "affinity " + std::to_string(host.affinity_cpus) + ", cgroup quota " +
                (host.quota_cpus ? with_point(*host.quota_cpus) : "none"));
  const std::uint32_t workers = config::worker_count(snapshot, host);
  const double given = std::min(host.quota_cpus.value_or(host.affinity_cpus),
                                static_cast<double>(host.affinity_cpus));
  const bool too_many = static_cast<double>(workers) > std::max(1.0, given + 0.999);
  page.line(too_many ? Mark::note : Mark::good,
            "workers",
            std::to_string(workers) + (snapshot.workers == 0 ? " (auto)" : " (configured)") +
                (too_many ? "; more than the CPUs there are: they will wait for each other" : "") +
                (config::should_pin(snapshot, host) ? ", pinned" : ", not pinned"));
  const config::Busy busy = config::busy_mode(snapshot, host);
  const bool quota_forbids = busy == config::Busy::off && snapshot.busy == config::Busy::automatic;
  const bool throttled = busy == config::Busy::always && host.quota_cpus &&
                         *host.quota_cpus < static_cast<double>(host.affinity_cpus);
  page.line(throttled ? Mark::note : Mark::good,
            "busy polling",
            quota_forbids                  ? "off, because of the cgroup quota"
            : throttled                    ? "always; the cgroup quota will throttle it"
            : busy == config::Busy::off    ? "off"
            : busy == config::Busy::always ? "always"
                                           : "auto");
}

std::string show_limit(const config::ResourceLimit& limit, bool bytes) {
  const auto text = [&](std::uint64_t value) {
    if (value == UINT64_MAX) return std::string("unlimited");
    return bytes ? config::format_size(value) : std::to_string(value);
  };
  return text(limit.soft) + " (hard " + text(limit.hard) + ")";
}

void show_limits(const DoctorInput& input, Page& page) {
  // A stream takes one descriptor towards the client and one towards the provider.
  const std::uint64_t wanted = input.snapshot.limits.client_connections * 2 *
                               config::worker_count(input.snapshot, input.host);
  const bool scarce = input.host.open_files.soft < wanted;
  page.line(
      scarce ? Mark::note : Mark::good,
      "open files",
      show_limit(input.host.open_files, false) +
          (scarce ? "; limits.client_connections would take up to " + std::to_string(wanted) : ""));
  page.line(Mark::good, "locked memory", show_limit(input.host.locked_memory, true));
}

void show_prices(const Snapshot& snapshot, Page& page) {
  std::string fault;
  const auto table = PriceSource().load(snapshot, fault);
  if (table == nullptr) return page.line(Mark::bad, "prices", fault);
  page.line(Mark::good,
            "prices",
            (snapshot.prices.empty() ? std::string("built in") : snapshot.prices) + ", as of " +
                std::string(table->as_of()));
}

void show_listener(std::string_view subject, const std::string& text, Page& page) {
  const auto address = net::parse_address(text);
  if (!address) return page.line(Mark::bad, subject, text + ": not an address");
  const base::Status status = net::try_bind(address.value());
  if (status.ok()) return page.line(Mark::good, subject, text + " can be bound");
  page.line(Mark::bad, subject, net::explain_listen_error(address.value(), status.error()));
}

std::string proxy_words(const Handshake& made) {
  return made.tunnelling == 0 ? "" : ", let through in " + in_milliseconds(made.tunnelling);
}

std::string tls_words(const Handshake& made) {
  if (made.shaking == 0) return {};
  return ", " + made.version + (made.resumed ? " resumed in " : " in ") +
         in_milliseconds(made.shaking) + ", speaks " +
         (made.protocol.empty() ? "HTTP/1.1 (it does not say)" : made.protocol);
}

// What a connection costs that builds on an earlier one.
void show_second(const Handshake& made, const std::string& subject, Page& page) {
  if (!made.fault.empty()) return page.line(Mark::note, subject, "the second time: " + made.fault);
  page.line(
      Mark::good,
      subject,
      "the second time: connected in " + in_milliseconds(made.connecting) + proxy_words(made) +
          tls_words(made) +
          (made.resumed ? ""
                        : "; not resumed: it gave no ticket before a request, or none at all"));
}

// Whether the provider took a connection. One that does not is only noted: another target may stand
// in.
bool show_provider(const config::Provider& provider, Page& page) {
  const std::string subject = "provider " + provider.name;
  const base::Nanos start = now();
  if (provider.scheme == "http+unix") {
    auto address = net::parse_address("unix:" + provider.host);
    const int code = try_connect(*address);
    const std::string place = net::format(*address);
    page.line(code == 0 ? Mark::good : Mark::note,
              subject,
              code == 0 ? place + " connected in " + in_milliseconds(now() - start)
                        : place + ": " + std::strerror(code));
    return code == 0;
  }
  const auto egress = egress_of(provider);
  if (egress != nullptr) {
    page.line(Mark::good,
              subject,
              "by way of the proxy " + egress->proxy() +
                  (egress->tunnels() ? "" : ", which is asked for each answer"));
  }
  const std::string& peer = provider.peer_host();
  const auto addresses = net::resolve(peer, provider.peer_port());
  if (!addresses) {
    page.line(Mark::note, subject, peer + ": " + net::explain_resolve_error(addresses.error()));
    return false;
  }
  const base::Nanos resolved = now();
  std::string refusals;
  for (const auto& storage : addresses.value()) {
    const net::Address address = net::from_storage(storage);
    net::TlsSessions tickets;
    const Handshake first = time_handshake(address, provider.tls.get(), tickets, egress);
    if (first.fault.empty()) {
      page.line(Mark::good,
                subject,
                net::format(address) + " connected in " + in_milliseconds(first.connecting) +
                    proxy_words(first) + tls_words(first) + ", name found in " +
                    in_milliseconds(resolved - start));
      if (provider.tls != nullptr) {
        show_second(time_handshake(address, provider.tls.get(), tickets, egress), subject, page);
      }
      return true;
    }
    refusals += (refusals.empty() ? "" : "; ") + net::format(address) + ": " + first.fault;
  }
  page.line(Mark::note, subject, refusals);
  return false;
}

void show_routes(const Snapshot& snapshot, Page& page) {
  std::vector<bool> answers;
  answers.reserve(snapshot.providers.size());
  for (const auto& provider : snapshot.providers) {
    answers.push_back(show_provider(provider, page));
    if (!provider.drains) continue;
    page.line(Mark::good,
              "provider " + provider.name,
              "an answer whose client goes is read to its end (on_disconnect)");
  }
  for (const auto& route : snapshot.routes) {
    const auto count = std::count_if(route.targets.begin(),
                                     route.targets.end(),
                                     [&](const auto& target) { return answers[target.provider]; });
    page.line(
        count > 0 ? Mark::good : Mark::bad,
        "route " + route.model,
        std::to_string(count) + " of " + std::to_string(route.targets.size()) + " targets answer");
  }
}

}  // namespace

DoctorReport examine(const DoctorInput& input) {
  Page page;
  show_kernel(input, page);
  show_processors(input, page);
  show_limits(input, page);
  show_prices(input.snapshot, page);
  for (const auto& listen : input.snapshot.listen) show_listener("listen", listen.address, page);
  if (!input.snapshot.admin.empty()) show_listener("admin", input.snapshot.admin, page);
  show_routes(input.snapshot, page);
  page.report.text +=
      page.report.can_serve ? "can serve\n" : "cannot serve; see the lines marked !!\n";
  return page.report;
}

}  // namespace headrace::server
