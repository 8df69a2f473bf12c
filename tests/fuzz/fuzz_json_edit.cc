// Fuzz target of json/edit and api/chat_edit. A request that parses is edited as for a provider;
// what comes out must be valid JSON in which exactly the named members changed. The judge takes
// both documents apart by itself, member by member with the text between them, and compares.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "api/chat_edit.h"
#include "base/assert.h"
#include "json/edit.h"
#include "json/scan.h"
#include "json/text.h"

namespace headrace {
namespace {

using base::Bytes;

struct Member {
  std::string name;  // unescaped where possible
  Bytes key;         // with quotes
  Bytes gap;         // from the key to the value
  Bytes value;
};

// Splits valid JSON objects, knowing nothing but strings and brackets.
class Splitter {
 public:
  explicit Splitter(Bytes object) : text_(object) {}

  std::vector<Member> members() {
    std::vector<Member> list;
    take('{');
    while (true) {
      blanks();
      if (text_[at_] == '}') return list;
      if (text_[at_] == ',') {
        ++at_;
        blanks();
      }
      Member member;
      member.key = span(&Splitter::string);
      const std::size_t gap = at_;
      blanks();
      take(':');
      blanks();
      member.gap = text_.substr(gap, at_ - gap);
      member.value = span(&Splitter::value);
      std::array<char, 64> room;
      const auto name = json::unescape(member.key, room);
      member.name = std::string(name.value_or(member.key));
      list.push_back(member);
    }
  }

 private:
  void take(char c) {
    blanks();
    HEADRACE_ASSERT(text_[at_] == c);
    ++at_;
  }
  void blanks() {
    while (Bytes(" \t\r\n").find(text_[at_]) != Bytes::npos) ++at_;
  }
  void string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }
  void value() {
    std::size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    } while (depth > 0 || !ends());
  }
  // Behind a whole value at the top: a blank, a comma, a bracket or the end.
  bool ends() const {
    const char before = text_[at_ - 1];
    if (before == '"' || before == '}' || before == ']') return true;
    return at_ == text_.size() || Bytes(" \t\r\n,}]").find(text_[at_]) != Bytes::npos;
  }
  Bytes span(void (Splitter::*step)()) {
    const std::size_t begin = at_;
    (this->*step)();
    return text_.substr(begin, at_ - begin);
  }

  Bytes text_;
  std::size_t at_ = 0;
};

bool is_extension(const std::string& name) {
  return name == "headrace" || name == "x-headrace" || name == "x_headrace";
}

bool same(const Member& a, const Member& b) {
  return a.key == b.key && a.gap == b.gap && a.value == b.value;
}

void check_usage(const Member* before, const Member& after) {
  std::vector<Member> expected;
  if (before != nullptr && before->value.front() == '{')
    expected = Splitter(before->value).members();
  const std::vector<Member> found = Splitter(after.value).members();
  std::size_t next = 0;
  bool asked = false;
  for (const Member& member : found) {
    if (member.name == "include_usage") {
      HEADRACE_ASSERT(!asked);
      HEADRACE_ASSERT(member.value == "true");
      asked = true;
      if (next < expected.size() && expected[next].name == "include_usage") ++next;
      continue;
    }
    HEADRACE_ASSERT(next < expected.size());
    HEADRACE_ASSERT(same(member, expected[next]));
    ++next;
  }
  HEADRACE_ASSERT(asked);
  HEADRACE_ASSERT(next == expected.size());
}

void check_members(Bytes body, Bytes edited, const api::ChatRequest& request, Bytes model) {
  const std::vector<Member> before = Splitter(body).members();
  std::vector<Member> after = Splitter(edited).members();
  const bool reports = request.stream && !request.wants_usage;
  std::size_t next = 0;
  if (reports && !request.stream_options.found()) {
    HEADRACE_ASSERT(after[0].name == "stream_options");
    check_usage(nullptr, after[0]);
    ++next;
  }
  for (const Member& member : before) {
    if (is_extension(member.name)) continue;
    HEADRACE_ASSERT(next < after.size());
    const Member& other = after[next++];
    if (member.name == "stream_options" && reports) {
      HEADRACE_ASSERT(other.key == member.key);
      check_usage(&member, other);
    } else if (member.name == "model" && model != request.model) {
      HEADRACE_ASSERT(other.key == member.key);
      HEADRACE_ASSERT(other.gap == member.gap);
    } else {
      HEADRACE_ASSERT(same(member, other));
    }
  }
  HEADRACE_ASSERT(next == after.size());
}

void check(Bytes body, Bytes model) {
  std::array<char, api::kModelScratchBytes> names;
  api::ErrorDetail detail;
  auto request = api::parse_chat_request(body, names, detail);
  if (!request.ok()) return;
  std::array<char, api::kChatEditScratchBytes> scratch;
  json::EditList list(scratch);
  api::edit_chat_request(body, *request, {.model = model, .reports_usage = true}, list);
  HEADRACE_ASSERT(list.ok());

  json::EditList::Pieces room;
  std::string edited;
  const char* last = body.data();
  for (const Bytes piece : list.pieces(body, room)) {
    edited += piece;
    // What comes from the body comes in its order.
    if (piece.data() < body.data() || piece.data() >= body.data() + body.size()) continue;
    HEADRACE_ASSERT(piece.data() >= last);
    last = piece.data() + piece.size();
    HEADRACE_ASSERT(last <= body.data() + body.size());
  }
  HEADRACE_ASSERT(edited.size() == list.edited_size(body));
  if (list.empty()) HEADRACE_ASSERT(edited == body);
  HEADRACE_ASSERT(json::validate(edited).ok());
  check_members(body, edited, *request, model);

  std::array<char, api::kModelScratchBytes> more_names;
  auto again = api::parse_chat_request(edited, more_names, detail);
  HEADRACE_ASSERT(again.ok());
  HEADRACE_ASSERT(again->model == model);
  HEADRACE_ASSERT(again->stream == request->stream);
  HEADRACE_ASSERT(!again->stream || again->wants_usage);
  HEADRACE_ASSERT(!again->headrace.found());
}

}  // namespace
}  // namespace headrace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const headrace::base::Bytes body(reinterpret_cast<const char*>(data), size);
  headrace::check(body, "m");
  headrace::check(body, "provider/a \"longer\" name");
  return 0;
}
