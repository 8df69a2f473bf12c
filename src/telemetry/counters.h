// WorkerCounters: the numbers of one worker, written by its thread alone with plain relaxed stores
// (no locked instruction, no shared line to fight for) and read by the exporter and the admin
// listener whenever they like. Each number is right by itself; two of them may be a moment apart.
//
// What a ring dropped, the ring itself counts. for_each_counter() is the only list of what is
// published under which name: a new counter is one member and one row.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace headrace::telemetry {

// One number with one writer.
class Counter {
 public:
  void add(std::uint64_t n = 1) { set(get() + n); }
  void sub(std::uint64_t n = 1) { set(get() - n); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct alignas(128) WorkerCounters {
  // -- the kernel interface: copies of io::IoCounters
  Counter turns;
  Counter enters;
  Counter accepts;
  Counter receives;
  Counter received_bytes;
  Counter sends;
  Counter sent_bytes;
  Counter short_sends;
  Counter coalesced_bytes;
  Counter starved;
  Counter overflows;
  Counter polls_hit;
  Counter polls_missed;

  // -- clients
  Counter clients_open;
  Counter clients_accepted;
  Counter clients_refused;
  Counter clients_http2;       // of the open ones
  Counter client_tls_full;     // handshakes, from nothing
  Counter client_tls_resumed;  // on the strength of an earlier one
  Counter client_tls_failed;
  Counter inflight;      // requests between their first byte and their record
  Counter streams_open;  // of those, streams past the commit point

  // -- upstreams
  Counter upstream_idle;
  Counter upstream_busy;
  Counter upstream_connecting;
  Counter connects;         // connections made
  Counter reuses;           // requests that found one waiting
  Counter waits;            // and those that had to wait for one
  Counter spares;           // connections made before anybody asked
  Counter waited_ns;        // how long those waited, together
  Counter goaways;          // that a server of HTTP/2 ended
  Counter resets_sent;      // streams of HTTP/2 that we reset: the cancelled ones
  Counter resets_seen;      // that a server reset
  Counter stale_retries;    // and had to go again, because it was dead
  Counter cancels;          // attempts given up because the client went
  Counter unheard;          // answers that are read on without their client
  Counter unheard_whole;    // and were: to their end,
  Counter unheard_cut;      // not so far,
  Counter unheard_refused;  // not at all, because there were too many
  Counter tls_full;         // handshakes with providers, from nothing
  Counter tls_resumed;      // on the strength of an earlier one
  Counter tls_failed;

  // -- relay
  Counter events_relayed;
  Counter
      bytes_copied;  // payload copied in user space on the way through; must stay 0 on plain legs
  Counter hold_full;

  // -- memory
  Counter client_buffers;
  Counter client_buffers_free;
  Counter upstream_buffers;
  Counter upstream_buffers_free;
  Counter allocations;  // on the data path; must not grow after warm-up

  // -- the loop
  Counter last_tick_ns;  // CLOCK_MONOTONIC of the last turn: alive while it is less than 2 s ago
  Counter loop_lag_ns;   // how long the last turn kept a ready event waiting
};

enum class CounterKind : std::uint8_t { counter, gauge };

// How the numbers of several workers become samples.
enum class CounterScope : std::uint8_t {
  process,  // their sum
  worker,   // one sample each, with a `worker` label
};

struct CounterRow {
  std::string_view family;  // metric name; rows of one family stand together
  std::string_view labels;  // without braces: state="idle"
  std::string_view help;    // of the family; the first row's counts
  CounterKind kind = CounterKind::counter;
  CounterScope scope = CounterScope::process;
  double scale = 1.0;  // from our unit to the metric's
  Counter WorkerCounters::* member = nullptr;
};

namespace detail {

using W = WorkerCounters;
using Text = std::string_view;

constexpr CounterRow counter(Text family, Text help, Counter W::* member) {
  return {family, {}, help, CounterKind::counter, CounterScope::process, 1.0, member};
}
constexpr CounterRow gauge(Text family, Text help, Counter W::* member) {
  return {family, {}, help, CounterKind::gauge, CounterScope::process, 1.0, member};
}
// A row of a family with several: with its labels, and the help only in the first.
constexpr CounterRow with(Text labels, CounterRow row) {
  row.labels = labels;
  return row;
}
constexpr CounterRow counter_nanos(Text family, Text help, Counter W::* member) {
  return {family, {}, help, CounterKind::counter, CounterScope::process, 1e-9, member};
}
constexpr CounterRow worker_nanos(Text family, Text help, Counter W::* member) {
  return {family, {}, help, CounterKind::gauge, CounterScope::worker, 1e-9, member};
}

inline constexpr std::array kCounterRows = {
    counter("headrace_io_turns_total", "Turns of the event loops.", &W::turns),
    counter("headrace_io_enters_total",
            "System calls that submit to the kernel, send or wait.",
            &W::enters),
    counter("headrace_io_accepts_total", "Connections the kernel handed over.", &W::accepts),
    counter("headrace_io_receives_total", "Receive completions.", &W::receives),
    counter("headrace_io_received_bytes_total", "Bytes received, both sides.", &W::received_bytes),
    counter("headrace_io_sends_total", "Sends handed to the kernel.", &W::sends),
    counter("headrace_io_sent_bytes_total", "Bytes sent, both sides.", &W::sent_bytes),
    counter(
        "headrace_io_short_sends_total", "Sends that a full socket cut short.", &W::short_sends),
    counter("headrace_io_coalesced_bytes_total",
            "Bytes copied together behind a busy socket.",
            &W::coalesced_bytes),
    counter("headrace_io_starved_total", "Receives that had to wait for a buffer.", &W::starved),
    counter(
        "headrace_io_overflows_total", "Completion queue overflows; should stay 0.", &W::overflows),
    with(R"(result="hit")",
         counter("headrace_io_polls_total",
                 "Busy polling windows, by whether an event came.",
                 &W::polls_hit)),
    with(R"(result="missed")", counter("headrace_io_polls_total", "", &W::polls_missed)),

    gauge("headrace_client_connections", "Open client connections.", &W::clients_open),
    gauge("headrace_client_http2_connections",
          "Open client connections that speak HTTP/2.",
          &W::clients_http2),
    counter("headrace_client_connections_accepted_total",
            "Client connections accepted.",
            &W::clients_accepted),
    counter("headrace_client_connections_refused_total",
            "Client connections refused at a bound of the gateway.",
            &W::clients_refused),
    with(R"(result="full")",
         counter("headrace_client_tls_handshakes_total",
                 "TLS handshakes with clients, by result.",
                 &W::client_tls_full)),
    with(R"(result="resumed")",
         counter("headrace_client_tls_handshakes_total", "", &W::client_tls_resumed)),
    with(R"(result="failed")",
         counter("headrace_client_tls_handshakes_total", "", &W::client_tls_failed)),
    gauge("headrace_inflight", "Requests being served.", &W::inflight),
    gauge("headrace_streams", "Streams past their commit point.", &W::streams_open),

    with(R"(state="idle")",
         gauge("headrace_upstream_connections",
               "Connections to providers, by state.",
               &W::upstream_idle)),
    with(R"(state="busy")", gauge("headrace_upstream_connections", "", &W::upstream_busy)),
    with(R"(state="connecting")",
         gauge("headrace_upstream_connections", "", &W::upstream_connecting)),
    counter("headrace_upstream_connects_total", "Connections made to providers.", &W::connects),
    counter(
        "headrace_upstream_reuses_total", "Requests that took a pooled connection.", &W::reuses),
    counter("headrace_upstream_waits_total",
            "Requests that had to wait for a connection to be made.",
            &W::waits),
    counter("headrace_upstream_spares_total",
            "Connections made in the background, before a request wanted them.",
            &W::spares),
    counter_nanos("headrace_upstream_connection_wait_seconds_total",
                  "How long requests waited for connections to be made, together.",
                  &W::waited_ns),
    with(R"(by="us")",
         counter("headrace_upstream_resets_total",
                 "Streams of HTTP/2 that were reset before their end, by whom.",
                 &W::resets_sent)),
    with(R"(by="provider")", counter("headrace_upstream_resets_total", "", &W::resets_seen)),
    counter("headrace_upstream_goaways_total",
            "Connections that a server of HTTP/2 ended with GOAWAY.",
            &W::goaways),
    counter("headrace_upstream_stale_retries_total",
            "Requests sent again because a pooled connection was dead.",
            &W::stale_retries),
    counter("headrace_upstream_cancels_total",
            "Attempts cancelled because the client went away.",
            &W::cancels),
    gauge("headrace_upstream_draining",
          "Answers that are read on without their client, for their usage.",
          &W::unheard),
    with(R"(result="whole")",
         counter("headrace_upstream_drained_total",
                 "Answers read on without their client, by how that ended.",
                 &W::unheard_whole)),
    with(R"(result="cut")", counter("headrace_upstream_drained_total", "", &W::unheard_cut)),
    with(R"(result="refused")",
         counter("headrace_upstream_drained_total", "", &W::unheard_refused)),
    with(R"(result="full")",
         counter("headrace_upstream_tls_handshakes_total",
                 "TLS handshakes with providers, by result.",
                 &W::tls_full)),
    with(R"(result="resumed")",
         counter("headrace_upstream_tls_handshakes_total", "", &W::tls_resumed)),
    with(R"(result="failed")",
         counter("headrace_upstream_tls_handshakes_total", "", &W::tls_failed)),

    counter("headrace_events_relayed_total",
            "Stream events that passed, to clients or to nobody.",
            &W::events_relayed),
    counter("headrace_bytes_copied_total",
            "Payload bytes copied in user space on the relay path; 0 on plaintext legs.",
            &W::bytes_copied),
    counter(
        "headrace_hold_full_total", "Answers committed because the hold was full.", &W::hold_full),

    with(R"(side="client",state="all")",
         gauge("headrace_receive_buffers", "Receive buffers.", &W::client_buffers)),
    with(R"(side="client",state="free")",
         gauge("headrace_receive_buffers", "", &W::client_buffers_free)),
    with(R"(side="upstream",state="all")",
         gauge("headrace_receive_buffers", "", &W::upstream_buffers)),
    with(R"(side="upstream",state="free")",
         gauge("headrace_receive_buffers", "", &W::upstream_buffers_free)),
    counter("headrace_allocations_total",
            "Memory allocations on the data path; none after warm-up.",
            &W::allocations),

    worker_nanos("headrace_worker_loop_lag_seconds",
                 "How long the last loop turn kept events waiting.",
                 &W::loop_lag_ns),
};

}  // namespace detail

// Calls visit(row) for every published number, rows of one family in a row. last_tick_ns is not
// published: it serves /livez.
template <typename Visitor>
void for_each_counter(Visitor&& visit) {
  for (const CounterRow& row : detail::kCounterRows) visit(row);
}

}  // namespace headrace::telemetry
