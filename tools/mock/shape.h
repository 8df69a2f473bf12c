// What an answer looks like when nothing goes wrong: calls of tools, thoughts, how usage is told,
// times. And the words that choose it: `tools=2+thinking+stall@tok=3` is a list of words of shapes
// and of faults. They may stand in a flag, in a request's model, in its prompt, in its `x-mock`
// field; the table of words is in shape.cc, `headrace-mock --help` prints it. Values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "fault.h"

namespace headrace::mock {

struct Shape {
  enum class Usage : std::uint8_t {
    normal,  // as the dialect's own provider: OpenAI's only when asked, in a chunk of its own
    none,
    last,   // without asking, in the chunk of the finish reason
    every,  // without asking, running totals in every chunk
  };
  enum class Finish : std::uint8_t { natural, length, filter };

  std::uint64_t calls = 0;     // of tools, where the request offers some
  std::uint64_t pieces = 0;    // of each call's arguments; 0: by their length
  std::uint64_t thoughts = 0;  // pieces of visible thinking
  std::uint64_t tokens = 0;    // pieces of text; 0: drawn
  std::uint64_t input = 0;     // tokens of the prompt; 0: estimated
  std::uint64_t cached = 0;    // further tokens of the prompt: read from a cache,
  std::uint64_t written = 0;   // written to it for five minutes,
  std::uint64_t written_1h = 0;
  std::uint64_t reasoning = 0;  // further tokens of the answer that nobody sees
  bool text = false;            // text before calls of tools
  bool redacted = false;        // a thought that nobody may read
  Usage usage = Usage::normal;
  Finish finish = Finish::natural;
  std::optional<base::Nanos> ttft{};  // instead of a drawn one
  std::optional<base::Nanos> itl{};

  friend bool operator==(const Shape&, const Shape&) = default;
};

// What a list of words chose; a fault only where one of them is a fault.
struct Choice {
  Shape shape;
  std::optional<Fault> fault;
};

// Applies a list of words from left to right; false when one of them is in no table.
bool apply_words(std::string_view words, Choice& choice);
// `mock:WORDS` or `mock-WORDS`, at the start of a model's name or behind `/` or `+`; nothing when
// the name chooses nothing. The words may be empty, which is no list.
std::optional<std::string_view> words_in_model(std::string_view model);
// `[mock: WORDS]` anywhere in a body; empty when there is none.
std::string_view words_in_prompt(std::string_view body);

std::string_view shape_help();

}  // namespace headrace::mock
