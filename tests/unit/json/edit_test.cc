// Goal: an edited document differs from the original in exactly the named places. Method: edits in
// every order against expected texts; erased members judged by the scanner over all subsets of an
// object's members.
#include "json/edit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "json/scan.h"

namespace headrace::json {
namespace {

std::string joined(const EditList& list, Bytes document) {
  EditList::Pieces room;
  std::string text;
  for (const Bytes piece : list.pieces(document, room)) {
    CHECK_FALSE(piece.empty());
    text += piece;
  }
  CHECK(text.size() == list.edited_size(document));
  return text;
}

TEST_CASE("without edits the document is one piece, the document itself") {
  const EditList list({});
  EditList::Pieces room;
  const Bytes document = "{}";
  const auto pieces = list.pieces(document, room);
  REQUIRE(pieces.size() == 1);
  CHECK(pieces[0].data() == document.data());
  CHECK(list.empty());
  CHECK(list.pieces("", room).empty());
}

TEST_CASE("edits apply by place, whatever the order in which they were added") {
  struct Change {
    std::uint32_t begin;
    std::uint32_t size;
    Bytes text;
  };
  const std::array<Change, 4> changes = {{{0, 1, "A"}, {3, 2, ""}, {5, 0, "ins"}, {9, 1, "end"}}};
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  do {
    EditList list({});
    for (const std::size_t i : order)
      list.replace(changes[i].begin, changes[i].size, changes[i].text);
    CHECK(joined(list, "0123456789") == "A12ins5678end");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("insertions at one place keep their order and stand before what is replaced there") {
  EditList list({});
  list.replace(2, 1, "R");
  list.insert(2, "a");
  list.insert(2, "b");
  CHECK(joined(list, "0123") == "01abR3");
}

TEST_CASE("the rest of the document is not copied") {
  const std::string document = "0123456789";
  EditList list({});
  list.replace(4, 2, "x");
  EditList::Pieces room;
  const auto pieces = list.pieces(document, room);
  REQUIRE(pieces.size() == 3);
  CHECK(pieces[0].data() == document.data());
  CHECK(pieces[2].data() == document.data() + 6);
}

TEST_CASE("owned text is copied once, as it is or as a JSON string, and must fit") {
  std::array<char, 12> scratch;
  EditList list(scratch);
  std::string text = "ab";
  const Bytes plain = list.own(text);
  const Bytes quoted = list.own_string("q\"");
  text = "XX";
  CHECK(plain == "ab");
  CHECK(quoted == R"("q\"")");
  CHECK(list.ok());
  CHECK(list.own_string("longer").empty());
  CHECK_FALSE(list.ok());
}

TEST_CASE("more edits than there is room for are told") {
  EditList list({});
  for (std::uint32_t i = 0; i < EditList::kEdits; ++i) list.insert(i, "x");
  CHECK(list.ok());
  list.insert(0, "");  // nothing to do needs no room
  CHECK(list.ok());
  list.insert(0, "x");
  CHECK_FALSE(list.ok());
}

TEST_CASE("any members of an object can be erased, and the others stay as they were") {
  constexpr std::array<Bytes, 4> kKeys = {"a", "b", "c", "d"};
  constexpr std::array<Bytes, 4> kMembers = {
      R"("a": [1,{"x":"},"}])", R"("b":null)", R"("c" :"\",")", R"("d":{"d":1})"};
  for (const Bytes comma : {",", " , ", ",\n\t", "\r\n,"}) {
    for (const Bytes edge : {"", " \n"}) {
      std::string document = "{" + std::string(edge);
      for (std::size_t i = 0; i < 4; ++i)
        document += (i == 0 ? "" : comma), document += kMembers[i];
      document += std::string(edge) + "}";
      std::array<FoundValue, 4> found;
      REQUIRE(scan_object(document, kKeys, found).ok());
      for (unsigned subset = 0; subset < 16; ++subset) {
        CAPTURE(document);
        CAPTURE(subset);
        std::vector<FoundValue> erased;
        for (std::size_t i = 4; i-- > 0;)
          erased.push_back((subset >> i & 1) != 0 ? found[i] : FoundValue{});
        EditList list({});
        list.erase_members(document, erased);
        const std::string edited = joined(list, document);
        CAPTURE(edited);
        std::array<FoundValue, 4> left;
        REQUIRE(scan_object(edited, kKeys, left).ok());
        std::size_t at = 0;
        for (std::size_t i = 0; i < 4; ++i) {
          CHECK(left[i].found() == ((subset >> i & 1) == 0));
          if (!left[i].found()) continue;
          const std::size_t place = edited.find(kMembers[i], at);
          REQUIRE(place != std::string::npos);
          at = place + kMembers[i].size();
        }
      }
    }
  }
}

TEST_CASE("an erased member takes its comma along, at either end") {
  const auto without_x = [](Bytes document) {
    constexpr std::array<Bytes, 1> kKeys = {"x"};
    std::array<FoundValue, 1> found;
    REQUIRE(scan_object(document, kKeys, found).ok());
    EditList list({});
    list.erase_members(document, found);
    return joined(list, document);
  };
  CHECK(without_x(R"({"x":1, "a":2})") == R"({"a":2})");
  CHECK(without_x(R"({"a":2, "x":1})") == R"({"a":2})");
  CHECK(without_x(R"({"a":2, "x":1, "b":3})") == R"({"a":2, "b":3})");
  CHECK(without_x(R"({ "x":1 })") == "{  }");
  CHECK(without_x(R"({"a":2})") == R"({"a":2})");
}

}  // namespace
}  // namespace headrace::json
