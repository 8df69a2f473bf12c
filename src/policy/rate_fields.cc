#include "policy/rate_fields.h"

#include "base/assert.h"

namespace headrace::policy {
namespace {

using base::Bytes;

class FieldWriter {
 public:
  explicit FieldWriter(std::span<char> out) : begin_(out.data()), next_(out.data()) {}

  void number(Bytes name, Bytes scope, std::uint64_t value) {
    begin_field(name, scope);
    next_ = base::write_decimal(next_, value);
    end_field("");
  }
  void milliseconds(Bytes name, Bytes scope, Nanos time) {
    begin_field(name, scope);
    next_ = base::write_decimal(next_, rounded_up(time, base::kMillisecond));
    end_field("ms");
  }
  void text(Bytes name, Bytes value) {
    begin_field(name, "");
    next_ = base::write_bytes(next_, value);
    end_field("");
  }

  static std::uint64_t rounded_up(Nanos time, Nanos unit) {
    return static_cast<std::uint64_t>((time + unit - 1) / unit);
  }
  Bytes written() const { return {begin_, static_cast<std::size_t>(next_ - begin_)}; }

 private:
  void begin_field(Bytes name, Bytes scope) {
    next_ = base::write_bytes(next_, name);
    next_ = base::write_bytes(next_, scope);
    next_ = base::write_bytes(next_, ": ");
  }
  void end_field(Bytes unit) {
    next_ = base::write_bytes(next_, unit);
    next_ = base::write_bytes(next_, "\r\n");
  }

  char* begin_;
  char* next_;
};

void write_allowance(FieldWriter& out, Scope scope, const Allowance& allowance) {
  const Bytes name = name_of(scope);
  out.number("x-ratelimit-limit-", name, allowance.limit);
  out.number("x-ratelimit-remaining-", name, allowance.remaining);
  out.milliseconds("x-ratelimit-reset-", name, allowance.reset);
}

// A client that can never succeed is told so; one that can is told when, a little late rather than
// a little early.
void write_refusal(FieldWriter& out, const Refusal& refusal) {
  out.text("x-ratelimit-scope", name_of(refusal.scope));
  if (refusal.retry_after == base::kNever) return out.text("x-should-retry", "false");
  out.number("retry-after", "", FieldWriter::rounded_up(refusal.retry_after, base::kSecond));
  out.number(
      "retry-after-ms", "", FieldWriter::rounded_up(refusal.retry_after, base::kMillisecond));
}

}  // namespace

Bytes write_rate_fields(const KeyLimits& limits,
                        const Bounds& bounds,
                        Nanos now,
                        const Refusal* refusal,
                        std::span<char> out) {
  HEADRACE_ASSERT(out.size() >= kRateFieldsBytes);
  FieldWriter fields(out);
  // A refusal knows the numbers at which it was made; others have moved since.
  const auto allowance = [&](Scope scope, const WindowLimit& limit, std::uint64_t bound) {
    const bool refused = refusal != nullptr && refusal->scope == scope;
    return refused ? refusal->allowance : limit.look(bound, now);
  };
  if (bounds.requests != 0) {
    write_allowance(
        fields, Scope::requests, allowance(Scope::requests, limits.requests, bounds.requests));
  }
  if (bounds.tokens != 0) {
    write_allowance(fields, Scope::tokens, allowance(Scope::tokens, limits.tokens, bounds.tokens));
  }
  if (refusal != nullptr) {
    if (refusal->scope == Scope::concurrency) {
      write_allowance(fields, Scope::concurrency, refusal->allowance);
    }
    write_refusal(fields, *refusal);
  }
  HEADRACE_ASSERT(fields.written().size() <= kRateFieldsBytes);
  return fields.written();
}

}  // namespace headrace::policy
