#include "json/edit.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "json/write.h"

namespace headrace::json {
namespace {

constexpr Bytes kBlanks = " \t\r\n";

std::size_t end_of(const FoundValue& member) {
  return std::size_t{member.begin} + member.size;
}

// The first byte at or behind `at` that is no blank. A member's brace or comma always follows it.
std::size_t next_solid(Bytes document, std::size_t at) {
  const std::size_t found = document.find_first_not_of(kBlanks, at);
  HEADRACE_ASSERT(found != Bytes::npos);
  return found;
}

std::size_t last_solid_before(Bytes document, std::size_t at) {
  HEADRACE_ASSERT(at > 0);
  const std::size_t found = document.find_last_not_of(kBlanks, at - 1);
  HEADRACE_ASSERT(found != Bytes::npos);
  return found;
}

// Whether `next` is the member right behind `previous`.
bool adjoins(Bytes document, const FoundValue& previous, const FoundValue& next) {
  const std::size_t comma = next_solid(document, end_of(previous));
  return document[comma] == ',' && next_solid(document, comma + 1) == next.key_begin;
}

}  // namespace

void EditList::replace(std::uint32_t begin, std::uint32_t size, Bytes text) {
  if (size == 0 && text.empty()) return;
  if (count_ == kEdits) {
    overflow_ = true;
    return;
  }
  std::size_t place = count_;
  // Behind those that begin earlier, and behind insertions at the same place.
  while (place > 0) {
    const Edit& before = edits_[place - 1];
    if (before.begin < begin || (before.begin == begin && before.size == 0)) break;
    edits_[place] = before;
    --place;
  }
  if (place > 0) HEADRACE_ASSERT(edits_[place - 1].end() <= begin);
  if (place < count_) HEADRACE_ASSERT(begin + size <= edits_[place + 1].begin);
  edits_[place] = {begin, size, text};
  ++count_;
}

void EditList::erase_members(Bytes document, std::span<const FoundValue> members) {
  HEADRACE_ASSERT(members.size() <= kEdits);
  std::array<FoundValue, kEdits> sorted;
  std::size_t count = 0;
  for (const FoundValue& member : members) {
    if (member.found()) sorted[count++] = member;
  }
  std::sort(sorted.begin(),
            sorted.begin() + static_cast<std::ptrdiff_t>(count),
            [](const FoundValue& a, const FoundValue& b) { return a.key_begin < b.key_begin; });
  // Neighbours go together: which comma a member takes along depends on what stays around it.
  for (std::size_t first = 0; first < count;) {
    std::size_t last = first;
    while (last + 1 < count && adjoins(document, sorted[last], sorted[last + 1])) ++last;
    std::size_t begin = sorted[first].key_begin;
    std::size_t end = end_of(sorted[last]);
    const std::size_t behind = next_solid(document, end);
    const std::size_t before = last_solid_before(document, begin);
    if (document[behind] == ',') {
      end = next_solid(document, behind + 1);
    } else if (document[before] == ',') {
      begin = before;
    }
    erase(static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin));
    first = last + 1;
  }
}

Bytes EditList::own(Bytes text) {
  if (text.size() > scratch_.size()) {
    overflow_ = true;
    return {};
  }
  std::memcpy(scratch_.data(), text.data(), text.size());
  const Bytes owned(scratch_.data(), text.size());
  scratch_ = scratch_.subspan(text.size());
  return owned;
}

Bytes EditList::own_string(Bytes text) {
  Writer writer(scratch_);
  writer.string(text);
  if (!writer.ok()) {
    overflow_ = true;
    return {};
  }
  scratch_ = scratch_.subspan(writer.size());
  return writer.written();
}

std::span<const Bytes> EditList::pieces(Bytes document, Pieces& out) const {
  HEADRACE_ASSERT(ok());
  std::size_t count = 0;
  std::size_t at = 0;
  const auto add = [&](Bytes piece) {
    if (!piece.empty()) out[count++] = piece;
  };
  for (const Edit& edit : std::span(edits_).first(count_)) {
    HEADRACE_ASSERT(edit.end() <= document.size());
    add(document.substr(at, edit.begin - at));
    add(edit.text);
    at = edit.end();
  }
  add(document.substr(at));
  return std::span(out).first(count);
}

std::size_t EditList::edited_size(Bytes document) const {
  std::size_t size = document.size();
  for (const Edit& edit : std::span(edits_).first(count_)) {
    size += edit.text.size();
    size -= edit.size;
  }
  return size;
}

}  // namespace headrace::json
