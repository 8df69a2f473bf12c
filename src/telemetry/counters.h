// WorkerCounters: the numbers of one worker, written by its thread alone with plain relaxed stores
// (no locked instruction, no shared line to fight for) and read by the exporter and the admin
// listener whenever they like. Each number is right by itself; two of them may be a moment apart.
//
// for_each() is the only list of what is published under which name: a new counter is one member
// and one row.
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
  Counter inflight;      // requests between their first byte and their record
  Counter streams_open;  // of those, streams past the commit point

  // -- upstreams
  Counter upstream_idle;
  Counter upstream_busy;
  Counter upstream_connecting;
  Counter connects;       // connections made
  Counter reuses;         // requests that found one waiting
  Counter stale_retries;  // and had to go again, because it was dead
  Counter cancels;        // attempts given up because the client went

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
  Counter record_drops;  // records that found the ring full
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

using enum CounterKind;
using enum CounterScope;
using W = WorkerCounters;

inline constexpr std::array kCounterRows = {
    CounterRow{
        "headrace_io_turns_total", "", "Turns of the event loops.", counter, process, 1, &W::turns},
    CounterRow{"headrace_io_enters_total",
               "",
               "System calls that submit to the kernel or wait for it.",
               counter,
               process,
               1,
               &W::enters},
    CounterRow{"headrace_io_accepts_total",
               "",
               "Connections the kernel handed over.",
               counter,
               process,
               1,
               &W::accepts},
    CounterRow{"headrace_io_receives_total",
               "",
               "Receive completions.",
               counter,
               process,
               1,
               &W::receives},
    CounterRow{"headrace_io_received_bytes_total",
               "",
               "Bytes received, both sides.",
               counter,
               process,
               1,
               &W::received_bytes},
    CounterRow{"headrace_io_sends_total",
               "",
               "Sends handed to the kernel.",
               counter,
               process,
               1,
               &W::sends},
    CounterRow{"headrace_io_sent_bytes_total",
               "",
               "Bytes sent, both sides.",
               counter,
               process,
               1,
               &W::sent_bytes},
    CounterRow{"headrace_io_short_sends_total",
               "",
               "Sends that a full socket cut short.",
               counter,
               process,
               1,
               &W::short_sends},
    CounterRow{"headrace_io_coalesced_bytes_total",
               "",
               "Bytes copied together behind a busy socket.",
               counter,
               process,
               1,
               &W::coalesced_bytes},
    CounterRow{"headrace_io_starved_total",
               "",
               "Receives that had to wait for a buffer.",
               counter,
               process,
               1,
               &W::starved},
    CounterRow{"headrace_io_overflows_total",
               "",
               "Completion queue overflows; should stay 0.",
               counter,
               process,
               1,
               &W::overflows},
    CounterRow{"headrace_io_polls_total",
               R"(result="hit")",
               "Busy polling windows, by whether an event came.",
               counter,
               process,
               1,
               &W::polls_hit},
    CounterRow{
        "headrace_io_polls_total", R"(result="missed")", "", counter, process, 1, &W::polls_missed},

    CounterRow{"headrace_client_connections",
               "",
               "Open client connections.",
               gauge,
               process,
               1,
               &W::clients_open},
    CounterRow{"headrace_client_connections_accepted_total",
               "",
               "Client connections accepted.",
               counter,
               process,
               1,
               &W::clients_accepted},
    CounterRow{"headrace_client_connections_refused_total",
               "",
               "Client connections refused at a bound of the gateway.",
               counter,
               process,
               1,
               &W::clients_refused},
    CounterRow{"headrace_inflight", "", "Requests being served.", gauge, process, 1, &W::inflight},
    CounterRow{"headrace_streams",
               "",
               "Streams past their commit point.",
               gauge,
               process,
               1,
               &W::streams_open},

    CounterRow{"headrace_upstream_connections",
               R"(state="idle")",
               "Connections to providers, by state.",
               gauge,
               process,
               1,
               &W::upstream_idle},
    CounterRow{"headrace_upstream_connections",
               R"(state="busy")",
               "",
               gauge,
               process,
               1,
               &W::upstream_busy},
    CounterRow{"headrace_upstream_connections",
               R"(state="connecting")",
               "",
               gauge,
               process,
               1,
               &W::upstream_connecting},
    CounterRow{"headrace_upstream_connects_total",
               "",
               "Connections made to providers.",
               counter,
               process,
               1,
               &W::connects},
    CounterRow{"headrace_upstream_reuses_total",
               "",
               "Requests that took a pooled connection.",
               counter,
               process,
               1,
               &W::reuses},
    CounterRow{"headrace_upstream_stale_retries_total",
               "",
               "Requests sent again because a pooled connection was dead.",
               counter,
               process,
               1,
               &W::stale_retries},
    CounterRow{"headrace_upstream_cancels_total",
               "",
               "Attempts cancelled because the client went away.",
               counter,
               process,
               1,
               &W::cancels},

    CounterRow{"headrace_events_relayed_total",
               "",
               "Stream events relayed to clients.",
               counter,
               process,
               1,
               &W::events_relayed},
    CounterRow{"headrace_bytes_copied_total",
               "",
               "Payload bytes copied in user space on the relay path; 0 on plaintext legs.",
               counter,
               process,
               1,
               &W::bytes_copied},
    CounterRow{"headrace_hold_full_total",
               "",
               "Answers committed because the hold was full.",
               counter,
               process,
               1,
               &W::hold_full},

    CounterRow{"headrace_receive_buffers",
               R"(side="client",state="all")",
               "Receive buffers.",
               gauge,
               process,
               1,
               &W::client_buffers},
    CounterRow{"headrace_receive_buffers",
               R"(side="client",state="free")",
               "",
               gauge,
               process,
               1,
               &W::client_buffers_free},
    CounterRow{"headrace_receive_buffers",
               R"(side="upstream",state="all")",
               "",
               gauge,
               process,
               1,
               &W::upstream_buffers},
    CounterRow{"headrace_receive_buffers",
               R"(side="upstream",state="free")",
               "",
               gauge,
               process,
               1,
               &W::upstream_buffers_free},
    CounterRow{"headrace_allocations_total",
               "",
               "Memory allocations on the data path; none after warm-up.",
               counter,
               process,
               1,
               &W::allocations},

    CounterRow{"headrace_worker_loop_lag_seconds",
               "",
               "How long the last loop turn kept events waiting.",
               gauge,
               worker,
               1e-9,
               &W::loop_lag_ns},
    CounterRow{"headrace_events_dropped_total",
               "",
               "Records lost because the metrics ring was full.",
               counter,
               process,
               1,
               &W::record_drops},
};

}  // namespace detail

// Calls visit(row) for every published number, rows of one family in a row. last_tick_ns is not
// published: it serves /livez.
template <typename Visitor>
void for_each_counter(Visitor&& visit) {
  for (const CounterRow& row : detail::kCounterRows) visit(row);
}

}  // namespace headrace::telemetry
