// What an answer consists of, piece by piece: thoughts, then text, then the arguments of calls. A
// piece is what leaves at one deadline and what faults count as a token. Fixed when the answer
// begins; moves but is not copied, because pieces are views into its own calls. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"
#include "shape.h"

namespace headrace::mock {

struct Piece {
  enum class Kind : std::uint8_t { thought, text, arguments };

  Kind kind = Kind::text;
  std::size_t call = 0;      // of arguments: whose
  std::string_view content;  // of arguments; other pieces are invented when they leave
};

class Plan {
 public:
  enum class End : std::uint8_t { stop, calls, length, filter };

  Plan() = default;
  Plan(Plan&&) = default;
  Plan& operator=(Plan&&) = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() = default;
  // `drawn`: pieces of text where nothing else says how many.
  Plan(const CallRequest& request, const Shape& shape, std::uint64_t drawn);

  std::uint64_t pieces() const { return pieces_; }
  Piece piece(std::uint64_t number) const;
  const std::vector<ToolOffer>& calls() const { return calls_; }
  std::uint64_t thoughts() const { return thoughts_ < pieces_ ? thoughts_ : pieces_; }
  // How the answer says that it ended.
  End end() const { return end_; }

 private:
  void plan_calls(const CallRequest& request, const Shape& shape);

  std::uint64_t thoughts_ = 0;
  std::uint64_t texts_ = 0;
  std::uint64_t pieces_ = 0;
  std::vector<ToolOffer> calls_;
  std::vector<std::string_view> arguments_;  // pieces, of calls_
  std::vector<std::size_t> argument_calls_;  // whose they are
  End end_ = End::stop;
};

}  // namespace headrace::mock
