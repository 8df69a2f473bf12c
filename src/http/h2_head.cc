#include "http/h2_head.h"

#include <algorithm>
#include <cstring>

#include "http/authority.h"
#include "http/h1_scan.h"

namespace headrace::http {

namespace limits = base::limits;
using base::Errc;

namespace {

constexpr std::size_t kPerField = 32;  // RFC 9113 section 6.5.2
constexpr std::size_t kFirstBlock = 1024;

template <class Set>
bool all(Bytes text) {
  return scan::skip<Set>(text, 0) == text.size();
}

}  // namespace

void H2Head::begin(bool kept) {
  reset();
  kept_ = kept;
}

void H2Head::reset() {
  text_.reset();
  fields_.clear();
  method_ = path_ = authority_ = status_ = {};
  bytes_ = count_ = 0;
  kept_ = false;
}

bool H2Head::add(Bytes name, Bytes value, io::BlockPool& blocks) {
  bytes_ += name.size() + value.size() + kPerField;
  ++count_;
  if (bytes_ > limits::kH2HeadBytesMost || count_ > limits::kH2FieldsMost) return false;
  if (!kept_ || bytes_ > limits::kH2HeadBytes || count_ > limits::kHeadFields) return true;
  if (!name.empty() && name.front() == ':') {
    reserve(value.size(), blocks);
    const std::uint16_t begin = append(value);
    note_pseudo(name, {begin, static_cast<std::uint16_t>(value.size())});
    return true;
  }
  reserve(name.size() + value.size(), blocks);
  FieldSpan span;
  span.name_begin = append(name);
  span.name_size = static_cast<std::uint16_t>(name.size());
  span.value_begin = append(value);
  span.value_size = static_cast<std::uint16_t>(value.size());
  fields_.add(span);
  return true;
}

void H2Head::reserve(std::size_t bytes, io::BlockPool& blocks) {
  if (bytes <= text_.tailroom()) return;
  const std::size_t begin = text_.size();
  io::Slice larger = blocks.take(std::max({kFirstBlock, begin * 2, begin + bytes}));
  if (begin != 0) std::memcpy(larger.data(), text_.data(), begin);
  larger.grow_back(begin);
  text_ = std::move(larger);
}

// The bound of a whole head keeps every offset below 64 KiB.
std::uint16_t H2Head::append(Bytes bytes) {
  const std::size_t begin = text_.size();
  base::write_bytes(text_.data() + begin, bytes);
  text_.grow_back(bytes.size());
  return static_cast<std::uint16_t>(begin);
}

void H2Head::note_pseudo(Bytes name, Span value) {
  if (name == ":method") {
    method_ = value;
  } else if (name == ":path") {
    path_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  } else if (name == ":status") {
    status_ = value;
  }
}

Errc H2Head::read_request(RequestHead& head, bool ends) const {
  if (bytes_ > limits::kH2HeadBytes || count_ > limits::kHeadFields) return Errc::head_too_large;
  head = {};
  head.method = of(method_);
  if (head.method.empty() || !all<scan::Token>(head.method)) return Errc::bad_request;
  if (head.method == "CONNECT") return Errc::method_not_allowed;
  if (const Errc fault = read_target(head); fault != Errc::ok) return fault;
  if (const Errc fault = read_host(head); fault != Errc::ok) return fault;
  const Bytes expect = fields_.find("expect", text());
  if (expect.data() != nullptr) {
    if (!base::equals_lowered(expect, "100-continue")) return Errc::bad_request;
    head.expect_continue = !ends;
  }
  return read_length(head.framing, head.content_length, ends);
}

Errc H2Head::read_target(RequestHead& head) const {
  head.target = of(path_);
  if (head.target.size() > limits::kTargetBytes) return Errc::uri_too_long;
  if (head.target.empty() || head.target.front() != '/' || !all<scan::Target>(head.target)) {
    return Errc::bad_request;
  }
  const std::size_t mark = head.target.find('?');
  head.path = head.target.substr(0, mark);
  if (mark != Bytes::npos) head.query = head.target.substr(mark + 1);
  return Errc::ok;
}

// One authority, told in one or in two places (RFC 9113 section 8.3.1).
Errc H2Head::read_host(RequestHead& head) const {
  head.host = of(authority_);
  bool seen = false;
  for (std::size_t i = 0; i < fields_.count(); ++i) {
    if (fields_.name(i, text()) != "host") continue;
    const Bytes host = fields_.value(i, text());
    if (seen) return Errc::bad_request;
    seen = true;
    if (head.host.empty()) head.host = host;
    if (!equal_without_case(head.host, host)) return Errc::misdirected;
  }
  return is_authority(head.host) ? Errc::ok : Errc::bad_request;
}

Errc H2Head::read_length(Framing& framing, std::uint64_t& length, bool ends) const {
  const Bytes said = fields_.find("content-length", text());
  framing = ends ? Framing::none : Framing::until_close;
  if (said.data() == nullptr) return Errc::ok;
  const auto number = base::parse_decimal(said);
  if (!number || *number > static_cast<std::uint64_t>(INT64_MAX)) return Errc::bad_request;
  if (!ends) framing = Framing::length;
  length = *number;
  return Errc::ok;
}

Errc H2Head::read_answer(ResponseHead& head, bool ends) const {
  if (bytes_ > limits::kH2HeadBytes || count_ > limits::kHeadFields) return Errc::head_too_large;
  head = {};
  const auto status = base::parse_decimal(of(status_));
  if (!status || *status < 100 || *status > 999 || *status == 101) return Errc::bad_request;
  head.status = static_cast<std::uint16_t>(*status);
  return read_length(head.framing, head.content_length, ends);
}

}  // namespace headrace::http
