#include "shape.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "distribution.h"

namespace headrace::mock {
namespace {

constexpr std::uint64_t kNeedsNumber = 0;

struct CountRow {
  std::string_view name;
  std::uint64_t Shape::* count;
  std::uint64_t without_number;  // or kNeedsNumber
  std::uint64_t max;
};

constexpr std::array kCounts = {
    CountRow{"tools", &Shape::calls, 1, 16},
    CountRow{"pieces", &Shape::pieces, kNeedsNumber, 1000},
    CountRow{"thinking", &Shape::thoughts, 4, 1000},
    CountRow{"tokens", &Shape::tokens, kNeedsNumber, 100'000},
    CountRow{"input", &Shape::input, kNeedsNumber, 1'000'000'000},
    CountRow{"cached", &Shape::cached, 1024, 1'000'000'000},
    CountRow{"written", &Shape::written, 512, 1'000'000'000},
    CountRow{"written-1h", &Shape::written_1h, 256, 1'000'000'000},
    CountRow{"reasoning", &Shape::reasoning, 64, 1'000'000'000},
};

struct UsageRow {
  std::string_view name;
  Shape::Usage usage;
};

constexpr std::array kUsages = {
    UsageRow{"normal", Shape::Usage::normal},
    UsageRow{"none", Shape::Usage::none},
    UsageRow{"last", Shape::Usage::last},
    UsageRow{"every", Shape::Usage::every},
};

constexpr std::string_view kHelp =
    R"(words (joined by + or blanks; a fault is a word too)
  where    model "mock:WORDS", "mock-WORDS", "any-name+mock:WORDS"; field "x-mock: WORDS";
           "[mock: WORDS]" in the prompt; --shape WORDS for all requests
  tools[=N]      N calls, where the request offers tools and holds no results yet
  text           with text before the calls       pieces=N   arguments in N pieces
  thinking[=N]   N pieces of visible thinking     redacted   and a thought that is hidden
  tokens=N       pieces of text                   ttft=TIME  itl=TIME
  usage=none | last (in the chunk that finishes) | every (chunk, running totals)
  input=N        cached[=N]        written[=N]    written-1h[=N]    reasoning[=N]   tokens told
  finish=length | filter
  example  mock:thinking+tools=2+cached   mock-error-429   x-mock: stall@tok=3,for=2s)";

// Blanks separate words too: a query turns `+` into one. Not behind a comma, where an argument
// follows. Empty behind the last.
std::string_view take_word(std::string_view& words) {
  constexpr std::string_view kSeparators = "+ \t";
  words.remove_prefix(std::min(words.find_first_not_of(kSeparators), words.size()));
  std::size_t end = words.find_first_of(kSeparators);
  while (end != std::string_view::npos && words[end - 1] == ',') {
    end = words.find_first_of(kSeparators, end + 1);
  }
  const std::string_view word = words.substr(0, end);
  words.remove_prefix(word.size());
  return word;
}

// Whether the name is a count's; `good` says whether its value is.
bool apply_count(Shape& shape, std::string_view name, const std::string_view* value, bool& good) {
  for (const CountRow& row : kCounts) {
    if (row.name != name) continue;
    const auto number = value == nullptr ? std::optional(row.without_number)  //
                                         : base::parse_decimal(*value);
    good = number && *number > 0 && *number <= row.max;
    if (good) shape.*row.count = *number;
    return true;
  }
  return false;
}

bool apply_value(Shape& shape, std::string_view name, std::string_view value) {
  if (name == "ttft" || name == "itl") {
    const auto time = parse_time(value);
    (name == "ttft" ? shape.ttft : shape.itl) = time;
    return time.has_value();
  }
  if (name == "finish") {
    shape.finish = value == "length" ? Shape::Finish::length : Shape::Finish::filter;
    return value == "length" || value == "filter";
  }
  if (name != "usage") return false;
  for (const UsageRow& row : kUsages) {
    if (row.name != value) continue;
    shape.usage = row.usage;
    return true;
  }
  return false;
}

bool apply_shape_word(std::string_view word, Shape& shape) {
  if (word == "text") return shape.text = true;
  if (word == "redacted") return shape.redacted = true;
  const std::size_t at = word.find('=');
  const std::string_view name = word.substr(0, at);
  const bool has_value = at != std::string_view::npos;
  const std::string_view value = has_value ? word.substr(at + 1) : std::string_view();
  bool good = false;
  if (apply_count(shape, name, has_value ? &value : nullptr, good)) return good;
  return has_value && apply_value(shape, name, value);
}

bool begins_a_part(std::string_view text, std::size_t at) {
  return at == 0 || text[at - 1] == '/' || text[at - 1] == '+';
}

}  // namespace

bool apply_words(std::string_view words, Choice& choice) {
  std::size_t count = 0;
  for (auto word = take_word(words); !word.empty(); word = take_word(words), ++count) {
    if (apply_shape_word(word, choice.shape)) continue;
    const auto fault = parse_fault(word);
    if (!fault) return false;
    choice.fault = fault;
  }
  return count != 0;
}

std::optional<std::string_view> words_in_model(std::string_view model) {
  constexpr std::string_view kName = "mock";
  for (std::size_t at = model.find(kName); at != std::string_view::npos;
       at = model.find(kName, at + 1)) {
    const std::size_t end = at + kName.size();
    const bool chooses = end < model.size() && (model[end] == ':' || model[end] == '-');
    if (chooses && begins_a_part(model, at)) return model.substr(end + 1);
  }
  return std::nullopt;
}

std::string_view words_in_prompt(std::string_view body) {
  constexpr std::string_view kOpening = "[mock:";
  constexpr std::size_t kSizeMax = 256;
  const std::size_t at = body.find(kOpening);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = body.substr(at + kOpening.size(), kSizeMax);
  const std::size_t end = rest.find(']');
  return end == std::string_view::npos ? std::string_view()
                                       : base::trim_blanks(rest.substr(0, end));
}

std::string_view shape_help() {
  return kHelp;
}

}  // namespace headrace::mock
