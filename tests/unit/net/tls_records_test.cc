// Goal: text comes out as it went in, however the stream of records is cut; whatever is not as
// RFC 8446 wants it ends the connection with the alert that it names, and stays bounded. Method: a
// peer that is a bare TlsKey and can say anything.
#include "net/tls_records.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/limits.h"
#include "io/receive_pool.h"
#include "tls_suites.h"

namespace headrace::net::test {
namespace {

namespace limits = base::limits;
using Outcome = TlsRecords::Outcome;

constexpr std::size_t kHead = io::ReceivePool::kHeadMargin;
constexpr std::size_t kTail = io::ReceivePool::kTailMargin;

struct Line final : TlsRecordsOwner {
  explicit Line(bool is_client = true, const TlsSuite& which = suites()[0].suite)
      : suite(which),
        theirs(which, secret_of(which, 'r'), 0),
        ours(which, secret_of(which, 'w'), 0),
        records(blocks, is_client ? this : nullptr, which, secret_of(which, 'r'), 0) {
    records.begin_writing(which, secret_of(which, 'w'), 0);
  }

  bool on_ticket_bytes(std::string_view bytes) override {
    tickets += bytes;
    return takes_tickets;
  }

  // What the peer says. `type` 0 with the type and zeros in `content`: padded.
  std::string say(std::string_view content, std::uint8_t type = 23) {
    std::string record(content.size() + TlsKey::kOverhead, '\0');
    std::memcpy(record.data() + TlsKey::kHeaderBytes, content.data(), content.size());
    theirs.seal(record.data(), content.size(), type);
    return record;
  }
  // Into a slice as the kernel would fill it.
  void receive(std::string_view bytes) {
    const io::Slice block = blocks.take(kHead + bytes.size() + kTail);
    io::Buffer& buffer = *block.buffer();
    std::memcpy(buffer.base + kHead, bytes.data(), bytes.size());
    io::Slice slice(buffer, buffer.base + kHead, bytes.size());
    slice.set_headroom(kHead);
    slice.set_tailroom(kTail);
    input.push(std::move(slice), false);
  }
  std::string read() {
    std::string text;
    pieces = 0;
    for (;;) {
      io::Slice slice;
      last = records.read(input, slice);
      if (last != Outcome::text) return text;
      ++pieces;
      text += slice.view();
    }
  }
  // What the peer makes of what was put out: contents with their types.
  std::vector<std::string> hear() {
    std::string bytes;
    while (!output.empty()) bytes += output.pop().view();
    std::vector<std::string> heard;
    while (!bytes.empty()) {
      const std::size_t body =
          static_cast<unsigned char>(bytes[3]) * 256u + static_cast<unsigned char>(bytes[4]);
      REQUIRE(bytes.size() >= 5 + body);
      REQUIRE(ours.open(bytes.data(), body));
      heard.push_back(bytes.substr(5, body - 16));
      if (heard.back() == std::string("\x18\x00\x00\x01\x00\x16", 6)) ours.renew();
      bytes.erase(0, 5 + body);
    }
    return heard;
  }

  io::BlockPool blocks;
  TlsSuite suite;
  TlsKey theirs;
  TlsKey ours;
  io::SliceQueue input;
  io::SliceQueue output;
  TlsRecords records;
  std::string tickets;
  bool takes_tickets = true;
  Outcome last = Outcome::more;
  int pieces = 0;
};

const std::string kUpdate("\x18\x00\x00\x01\x00", 5);
const std::string kUpdateBoth("\x18\x00\x00\x01\x01", 5);

std::string ticket(std::size_t size) {
  std::string message("\x04\x00", 2);
  message += static_cast<char>(size >> 8);
  message += static_cast<char>(size & 0xff);
  return message + std::string(size, 't');
}

std::string padded(std::string text, char type, std::size_t zeros) {
  text += type;
  return text.append(zeros - 1, '\0');
}

// In braces records are made in the order they stand in.
std::string joined(std::initializer_list<std::string> records) {
  std::string bytes;
  for (const std::string& each : records) bytes += each;
  return bytes;
}

// Says `record` on a fresh line and expects the end, with this reason and this alert.
void check_fails(Line& line, std::string_view record, int reason, int alert) {
  line.receive(record);
  CHECK(line.read().empty());
  CHECK(line.last == Outcome::failed);
  CHECK(line.records.failure().reason == reason);
  CHECK(line.records.failure().alert == alert);
  line.receive(line.say("more"));
  CHECK(line.read().empty());
  CHECK(line.last == Outcome::failed);
}

}  // namespace

TEST_CASE("text comes out of every suite, cut at every byte") {
  for (const NamedSuite& each : suites()) {
    CAPTURE(each.name);
    Line line(true, each.suite);
    const std::string bytes = joined({line.say("one"),
                                      line.say(""),
                                      line.say(ticket(9), 22),
                                      line.say(padded("two", 23, 40), 0),
                                      line.say("three")});
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      CAPTURE(cut);
      Line other(true, each.suite);
      if (cut != 0) other.receive(std::string_view(bytes).substr(0, cut));
      std::string text = other.read();
      if (cut != bytes.size()) other.receive(std::string_view(bytes).substr(cut));
      text += other.read();
      CHECK(text == "onetwothree");
      CHECK(other.tickets == ticket(9));
      CHECK(other.last == Outcome::more);
    }
    Line single(true, each.suite);
    std::string text;
    for (const char byte : bytes) {
      single.receive({&byte, 1});
      text += single.read();
    }
    CHECK(text == "onetwothree");
  }
}

TEST_CASE("records of one slice come out as one piece that lies in it, with room around it") {
  Line line;
  const std::string whole =
      joined({line.say("data: 1\n\n"), line.say(ticket(5), 22), line.say("data: 2\n\n")});
  const std::string begun = line.say("later");
  line.receive(whole + begun.substr(0, 9));
  const io::Buffer* const buffer = line.input.front().buffer();
  io::Slice slice;
  REQUIRE(line.records.read(line.input, slice) == Outcome::text);
  CHECK(slice.view() == "data: 1\n\ndata: 2\n\n");
  CHECK(slice.buffer() == buffer);
  CHECK(buffer->references == 1);  // what was begun is kept elsewhere
  CHECK(slice.headroom() >= kHead);
  CHECK(slice.tailroom() >= kTail);
  slice.reset();
  line.receive(begun.substr(9));
  REQUIRE(line.records.read(line.input, slice) == Outcome::text);
  CHECK(slice.view() == "later");
  CHECK(slice.headroom() >= kHead);
  CHECK(slice.tailroom() >= kTail);
}

TEST_CASE("a borrowed slice is read and left as it is") {
  Line line;
  const std::string bytes = joined({line.say("one"), line.say("two")});
  const std::string before = bytes;
  line.input.push(io::Slice::borrowed(bytes));
  CHECK(line.read() == "onetwo");
  CHECK(bytes == before);
}

TEST_CASE("the longest record is taken, and one with a byte more is not") {
  Line line;
  line.receive(line.say(std::string(limits::kTlsRecordBytes, 'x')));
  CHECK(line.read().size() == limits::kTlsRecordBytes);
  Line longer;
  check_fails(longer,
              longer.say(std::string(limits::kTlsRecordBytes + 1, 'x')),
              SSL_R_DATA_LENGTH_TOO_LONG,
              SSL_AD_RECORD_OVERFLOW);
  Line announced;  // 2^14 + 257 bytes to come
  check_fails(announced,
              std::string_view("\x17\x03\x03\x41\x01", 5),
              SSL_R_ENCRYPTED_LENGTH_TOO_LONG,
              SSL_AD_RECORD_OVERFLOW);
}

TEST_CASE("a record that is none ends the connection with its alert") {
  struct Fault {
    std::string record;
    int reason;
    int alert;
  };
  const std::vector<Fault> faults = {
      {std::string("\x14\x03\x03\x00\x01\x01", 6),
       SSL_R_UNEXPECTED_RECORD,
       SSL_AD_UNEXPECTED_MESSAGE},
      {std::string("\x15\x03\x03\x00\x02\x01\x00", 7),
       SSL_R_UNEXPECTED_RECORD,
       SSL_AD_UNEXPECTED_MESSAGE},
      {std::string("\x17\x03\x01\x00\x20", 5), SSL_R_WRONG_VERSION_NUMBER, SSL_AD_PROTOCOL_VERSION},
      {std::string("\x17\x03\x03\x00\x10", 5) + std::string(16, 'x'),
       SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
       SSL_AD_BAD_RECORD_MAC},
      {std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'),
       SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
       SSL_AD_BAD_RECORD_MAC},
  };
  for (const Fault& each : faults) {
    Line line;
    check_fails(line, each.record, each.reason, each.alert);
  }
}

TEST_CASE("what is sealed well and says nothing good ends the connection with its alert") {
  struct Fault {
    std::string content;
    std::uint8_t type;
    int reason;
    int alert;
  };
  const std::vector<Fault> faults = {
      {std::string(3, '\0'),
       0,
       SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
       SSL_AD_UNEXPECTED_MESSAGE},
      {"x", 20, SSL_R_UNEXPECTED_RECORD, SSL_AD_UNEXPECTED_MESSAGE},
      {"x", 24, SSL_R_UNEXPECTED_RECORD, SSL_AD_UNEXPECTED_MESSAGE},
      {"", 22, SSL_R_UNEXPECTED_RECORD, SSL_AD_UNEXPECTED_MESSAGE},
      {"\x01", 21, SSL_R_BAD_ALERT, SSL_AD_DECODE_ERROR},
      {"\x01\x32", 21, SSL_R_BAD_ALERT, SSL_AD_DECODE_ERROR},
      {"\x03\x32", 21, SSL_R_UNKNOWN_ALERT_TYPE, SSL_AD_ILLEGAL_PARAMETER},
      {"\x02\x2a", 21, SSL_AD_REASON_OFFSET + 42, 0},
      {"\x01", 22, SSL_R_UNEXPECTED_MESSAGE, SSL_AD_UNEXPECTED_MESSAGE},
      {std::string("\x18\x00\x00\x02\x00\x00", 6), 22, SSL_R_DECODE_ERROR, SSL_AD_DECODE_ERROR},
      {std::string("\x18\x00\x00\x01\x02", 5), 22, SSL_R_DECODE_ERROR, SSL_AD_ILLEGAL_PARAMETER},
      {kUpdate + kUpdate, 22, SSL_R_EXCESS_HANDSHAKE_DATA, SSL_AD_UNEXPECTED_MESSAGE},
      {std::string("\x04\x00\x40\x01", 4),
       22,
       SSL_R_EXCESSIVE_MESSAGE_SIZE,
       SSL_AD_ILLEGAL_PARAMETER},
  };
  for (const Fault& each : faults) {
    CAPTURE(each.content);
    Line line;
    check_fails(line, line.say(each.content, each.type), each.reason, each.alert);
  }
}

TEST_CASE("text before a failure or an end is read first") {
  Line line;
  line.receive(joined({line.say("last words"),
                       line.say(std::string_view("\x01\x00", 2), 21),
                       line.say("and more")}));
  CHECK(line.read() == "last words");
  CHECK(line.last == Outcome::ended);
  Line touched;
  std::string bytes = joined({touched.say("good"), touched.say("bad")});
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  touched.receive(bytes);
  CHECK(touched.read() == "good");
  CHECK(touched.last == Outcome::failed);
}

TEST_CASE("idle records are taken up to their bounds, and text begins to count anew") {
  struct Idle {
    std::string content;
    std::uint8_t type;
    unsigned most;
    int reason;
  };
  const std::vector<Idle> all = {
      {"", 23, limits::kTlsEmptyRecords, SSL_R_TOO_MANY_EMPTY_FRAGMENTS},
      {std::string("\x01\x5a", 2), 21, limits::kTlsWarnings, SSL_R_TOO_MANY_WARNING_ALERTS},
      {kUpdate, 22, limits::kTlsKeyUpdates, SSL_R_TOO_MANY_KEY_UPDATES},
      {ticket(1020), 22, limits::kTlsMessageBytes / 1024, SSL_R_UNEXPECTED_RECORD},
  };
  for (const Idle& each : all) {
    CAPTURE(each.reason);
    Line line;
    for (int round = 0; round < 2; ++round) {
      for (unsigned i = 0; i < each.most; ++i) {
        line.receive(line.say(each.content, each.type));
        if (each.content == kUpdate) line.theirs.renew();
      }
      line.receive(line.say("text"));
      CHECK(line.read() == "text");
    }
    for (unsigned i = 0; i < each.most; ++i) {
      line.receive(line.say(each.content, each.type));
      if (each.content == kUpdate) line.theirs.renew();
    }
    check_fails(line, line.say(each.content, each.type), each.reason, SSL_AD_UNEXPECTED_MESSAGE);
  }
}

TEST_CASE("tickets come through cut over records, several in one, and before new keys") {
  Line line;
  const std::string first = ticket(300);
  for (const char byte : first) line.receive(line.say({&byte, 1}, 22));
  const std::string rest = ticket(7) + ticket(0) + ticket(20) + kUpdate;
  line.receive(line.say(rest.substr(0, 30), 22));
  line.receive(line.say(rest.substr(30), 22));
  line.theirs.renew();
  line.receive(line.say("new"));
  CHECK(line.read() == "new");
  CHECK(line.tickets == first + ticket(7) + ticket(0) + ticket(20));
}

TEST_CASE("no text may come into the middle of a message") {
  Line line;
  line.receive(line.say(ticket(10).substr(0, 6), 22));
  check_fails(line, line.say("x"), SSL_R_UNEXPECTED_RECORD, SSL_AD_UNEXPECTED_MESSAGE);
}

TEST_CASE("a ticket that the owner does not take ends the connection") {
  Line line;
  line.takes_tickets = false;
  check_fails(line, line.say(ticket(10), 22), 0, SSL_AD_DECODE_ERROR);
  Line server(false);
  check_fails(
      server, server.say(ticket(10), 22), SSL_R_UNEXPECTED_MESSAGE, SSL_AD_UNEXPECTED_MESSAGE);
  CHECK(server.tickets.empty());
}

TEST_CASE("new keys are taken, cut as they may be, and answered once before the next text") {
  for (const NamedSuite& each : suites()) {
    CAPTURE(each.name);
    Line line(false, each.suite);
    for (int i = 0; i < 3; ++i) {
      line.receive(line.say(kUpdateBoth.substr(0, 2), 22));
      line.receive(line.say(kUpdateBoth.substr(2), 22));
      line.theirs.renew();
      line.receive(joined({line.say("a"), line.say(kUpdateBoth, 22)}));
      line.theirs.renew();
      line.receive(line.say("b"));
      CHECK(line.read() == "ab");
      CHECK(line.output.empty());
      io::SliceQueue text;
      text.push(line.blocks.copy_of("answer"));
      line.records.write(text, 6, line.output);
      const auto heard = line.hear();
      REQUIRE(heard.size() == 2);
      CHECK(heard[0] == kUpdate + '\x16');
      CHECK(heard[1] == "answer\x17");
    }
  }
}

TEST_CASE("a key that sealed as much as it may is replaced") {
  const TlsSuite& suite = suites()[0].suite;
  Line line;
  line.records.begin_writing(suite, secret_of(suite, 'w'), limits::kTlsRecordsPerKey - 1);
  TlsKey peer(suite, secret_of(suite, 'w'), limits::kTlsRecordsPerKey - 1);
  io::SliceQueue text;
  text.push(line.blocks.copy_of("onetwo"));
  line.records.write(text, 3, line.output);
  line.records.write(text, 3, line.output);
  std::string bytes;
  while (!line.output.empty()) bytes += line.output.pop().view();
  CHECK(peer.open(bytes.data(), 3 + 17));
  CHECK(peer.open(bytes.data() + 25, 5 + 17));
  CHECK(bytes.substr(30, 5) == kUpdate);
  peer.renew();
  CHECK(peer.open(bytes.data() + 52, 3 + 17));
  CHECK(bytes.substr(57, 3) == "two");
}

TEST_CASE("pieces become one record; one that stands alone with room is sealed where it lies") {
  Line line;
  io::SliceQueue text;
  text.push(io::Slice::borrowed("one"));
  text.push(line.blocks.copy_of("two"));
  text.push(io::Slice::borrowed("three"));
  line.records.write(text, 9, line.output);
  CHECK(text.bytes() == 2);
  CHECK(text.front().view() == "ee");
  text.clear();
  CHECK(line.hear() == std::vector<std::string>{"onetwothr\x17"});

  line.receive("in its place");
  io::Slice piece = line.input.pop();
  const char* const place = piece.data();
  text.push(std::move(piece));
  line.records.write(text, 12, line.output);
  CHECK(line.output.front().data() == place - TlsKey::kHeaderBytes);
  CHECK(line.output.count() == 1);
  CHECK(line.hear() == std::vector<std::string>{"in its place\x17"});
}

TEST_CASE("what others hold too, and what is borrowed, is never sealed where it lies") {
  Line line;
  line.receive("shared");
  io::Slice piece = line.input.pop();
  const io::Slice kept(*piece.buffer(), piece.data(), piece.size());
  io::SliceQueue text;
  text.push(std::move(piece));
  line.records.write(text, 6, line.output);
  CHECK(kept.view() == "shared");
  CHECK(line.hear() == std::vector<std::string>{"shared\x17"});
}

TEST_CASE("an end and an alert are said as TLS says them") {
  Line line;
  line.records.write_end(line.output);
  line.records.write_alert(SSL_AD_BAD_RECORD_MAC, line.output);
  const auto heard = line.hear();
  REQUIRE(heard.size() == 2);
  CHECK(heard[0] == std::string("\x01\x00\x15", 3));
  CHECK(heard[1] == std::string("\x02\x14\x15", 3));
}

}  // namespace headrace::net::test
