#include "route/failure.h"

namespace headrace::route {
namespace {

Verdict judge_status(std::uint16_t status, bool brought_key) {
  switch (status) {
    case 401:
      return brought_key ? Verdict::request : Verdict::credential;
    case 402:
      return brought_key ? Verdict::request : Verdict::quota;
    case 403:
    case 404:
      return Verdict::pair;
    case 408:
    case 409:
      return Verdict::busy;
    case 429:
    case 498:
      return Verdict::limited;
    default:
      return status >= 400 && status < 500 ? Verdict::request : Verdict::target;
  }
}

}  // namespace

Verdict judge(const Outcome& outcome, bool brought_key) {
  if (outcome.error.blame != base::Blame::upstream) return Verdict::ours;
  if (outcome.error.code == base::Errc::total_timeout) return Verdict::ours;
  if (outcome.insufficient_quota) return brought_key ? Verdict::request : Verdict::quota;
  if (outcome.error.code != base::Errc::upstream_status) return Verdict::target;
  return judge_status(outcome.status, brought_key);
}

}  // namespace headrace::route
