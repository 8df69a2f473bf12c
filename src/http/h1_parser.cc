#include "http/h1_parser.h"

#include <algorithm>

#include "http/authority.h"

namespace headrace::http {

using base::Errc;

namespace {

constexpr Bytes kVersion = "HTTP/1.1\r\n";
constexpr std::size_t kVersionMinorAt = 7;
using base::limits::kAnswerHeadBytes;
static_assert(base::limits::kHeadBytes <= UINT16_MAX, "the offsets of fields have 16 bits");
static_assert(kAnswerHeadBytes <= UINT16_MAX);

// Compares words, not bytes: `name` has the length of `lowered` and holds token bytes only, of
// which none but letters become letters when bit 5 is set.
template <std::size_t kSize>
bool is_name(const char* name, const char (&lowered)[kSize]) {
  constexpr std::size_t kLength = kSize - 1;
  using Word = std::conditional_t<(kLength >= 8), std::uint64_t, std::uint32_t>;
  static_assert(kLength >= sizeof(Word));
  constexpr Word kCaseBits = static_cast<Word>(0x2020202020202020u);
  Word difference = 0;
  const auto compare = [&](std::size_t at) {
    Word ours = 0;
    Word theirs = 0;
    std::memcpy(&ours, lowered + at, sizeof(Word));
    std::memcpy(&theirs, name + at, sizeof(Word));
    difference |= (theirs | kCaseBits) ^ ours;
  };
  for (std::size_t at = 0; at + sizeof(Word) < kLength; at += sizeof(Word)) compare(at);
  compare(kLength - sizeof(Word));
  return difference == 0;
}

}  // namespace

bool FramingFields::on_content_length(Bytes value) {
  const auto number = base::parse_decimal(value);
  if (has_length || !number || *number > static_cast<std::uint64_t>(INT64_MAX)) return false;
  has_length = true;
  content_length = *number;
  return true;
}

bool FramingFields::on_transfer_encoding(Bytes value) {
  if (coding != Coding::none) return false;
  if (base::equals_lowered(value, "chunked")) {
    coding = Coding::chunked;
    return true;
  }
  // A list of other codings may be legal; `chunked` twice never is (RFC 9112 section 6.1).
  std::size_t times_chunked = 0;
  for (bool more = true; more;) {
    const std::size_t comma = value.find(',');
    more = comma != Bytes::npos;
    const Bytes name = base::trim_blanks(value.substr(0, comma));
    if (more) value.remove_prefix(comma + 1);
    if (name.empty() || scan::skip<scan::Token>(name, 0) != name.size()) return false;
    if (base::equals_lowered(name, "chunked")) ++times_chunked;
  }
  coding = Coding::unknown;
  return times_chunked <= 1;
}

void FramingFields::on_connection(Bytes value) {
  for (bool more = true; more;) {
    const std::size_t comma = value.find(',');
    more = comma != Bytes::npos;
    const Bytes option = base::trim_blanks(value.substr(0, comma));
    if (more) value.remove_prefix(comma + 1);
    if (base::equals_lowered(option, "close")) close = true;
    if (base::equals_lowered(option, "keep-alive")) keep_alive = true;
  }
}

// -- requests

void H1RequestParser::reset() {
  fields_.clear();
  reader_.reset();
  framing_ = {};
  position_ = begin_ = 0;
  method_ = target_ = authority_ = host_ = {};
  empty_lines_ = 0;
  state_ = State::empty_lines;
  error_ = Errc::ok;
  started_ = has_host_ = expect_continue_ = wants_upgrade_ = false;
}

Parse H1RequestParser::fail(Errc code) {
  state_ = State::failed;
  error_ = code;
  return Parse::failed;
}

Parse H1RequestParser::need_more(Bytes text) {
  return text.size() < base::limits::kHeadBytes ? Parse::need_more : fail(Errc::head_too_large);
}

Parse H1RequestParser::parse(Bytes text) {
  text = text.substr(0, base::limits::kHeadBytes);
  Parse stage = Parse::done;
  switch (state_) {
    case State::empty_lines:
    case State::empty_lf:
      stage = skip_empty_lines(text);
      if (stage != Parse::done) return stage;
      [[fallthrough]];
    case State::method:
      stage = parse_method(text);
      if (stage != Parse::done) return stage;
      [[fallthrough]];
    case State::target:
      stage = parse_target(text);
      if (stage != Parse::done) return stage;
      [[fallthrough]];
    case State::version:
      stage = parse_version(text);
      if (stage != Parse::done) return stage;
      [[fallthrough]];
    case State::fields:
      return parse_fields(text);
    case State::done:
      return Parse::done;
    case State::failed:
      break;
  }
  return Parse::failed;
}

Parse H1RequestParser::skip_empty_lines(Bytes text) {
  for (; position_ < text.size(); ++position_) {
    const char c = text[position_];
    if (state_ == State::empty_lf) {
      if (c != '\n') return fail(Errc::bad_request);
      if (++empty_lines_ > base::limits::kLeadingCrlfs) return fail(Errc::bad_request);
      state_ = State::empty_lines;
    } else if (c == '\r') {
      state_ = State::empty_lf;
    } else {
      started_ = true;
      begin_ = position_;
      state_ = State::method;
      return Parse::done;
    }
  }
  return Parse::need_more;
}

Parse H1RequestParser::parse_method(Bytes text) {
  position_ = scan::skip<scan::Token>(text, position_);
  if (position_ == text.size()) return need_more(text);
  if (text[position_] != ' ' || position_ == begin_) return fail(Errc::bad_request);
  method_ = {static_cast<std::uint16_t>(begin_), static_cast<std::uint16_t>(position_ - begin_)};
  if (method_.of(text) == "CONNECT") return fail(Errc::method_not_allowed);
  begin_ = ++position_;
  state_ = State::target;
  return Parse::done;
}

Parse H1RequestParser::parse_target(Bytes text) {
  const Bytes longest = text.substr(0, begin_ + base::limits::kTargetBytes + 1);
  position_ = scan::skip<scan::Target>(longest, position_);
  if (position_ - begin_ > base::limits::kTargetBytes) return fail(Errc::uri_too_long);
  if (position_ == text.size()) return need_more(text);
  if (text[position_] != ' ') return fail(Errc::bad_request);
  target_ = {static_cast<std::uint16_t>(begin_), static_cast<std::uint16_t>(position_ - begin_)};
  if (!accept_target(target_.of(text))) return fail(Errc::bad_request);
  begin_ = ++position_;
  state_ = State::version;
  return Parse::done;
}

// Origin-form, or absolute-form of http and https. Neither `*` nor an authority means anything
// here.
bool H1RequestParser::accept_target(Bytes target) {
  if (target.empty()) return false;
  if (target.front() == '/') return true;
  std::size_t scheme_size = 0;
  for (const Bytes scheme : {Bytes("http://"), Bytes("https://")}) {
    if (base::equals_lowered(target.substr(0, scheme.size()), scheme)) scheme_size = scheme.size();
  }
  if (scheme_size == 0) return false;
  const std::size_t end = std::min(target.find_first_of("/?", scheme_size), target.size());
  const Bytes authority = target.substr(scheme_size, end - scheme_size);
  authority_ = {static_cast<std::uint16_t>(target_.begin + scheme_size),
                static_cast<std::uint16_t>(authority.size())};
  return is_authority(authority);
}

Parse H1RequestParser::parse_version(Bytes text) {
  if (position_ == begin_ && text.substr(position_, kVersion.size()) == kVersion) {
    version_minor_ = 1;
    position_ += kVersion.size();
  }
  while (position_ - begin_ < kVersion.size()) {
    if (position_ == text.size()) return need_more(text);
    const char c = text[position_];
    if (position_ - begin_ == kVersionMinorAt) {
      if (c != '0' && c != '1') return fail(Errc::bad_request);
      version_minor_ = static_cast<std::uint8_t>(c - '0');
    } else if (c != kVersion[position_ - begin_]) {
      return fail(Errc::bad_request);
    }
    ++position_;
  }
  state_ = State::fields;
  return Parse::done;
}

Parse H1RequestParser::parse_fields(Bytes text) {
  FieldSpan span;
  for (;;) {
    switch (reader_.next(text, position_, span)) {
      case FieldReader::Found::need_more:
        return need_more(text);
      case FieldReader::Found::failed:
        return fail(Errc::bad_request);
      case FieldReader::Found::end:
        return finish(text);
      case FieldReader::Found::field:
        if (fields_.full()) return fail(Errc::head_too_large);
        fields_.add(span);
        if (!accept_field(text, span)) return fail(Errc::bad_request);
    }
  }
}

bool H1RequestParser::accept_field(Bytes text, const FieldSpan& span) {
  const char* const name = text.data() + span.name_begin;
  const Bytes value = text.substr(span.value_begin, span.value_size);
  switch (span.name_size) {
    case 4:
      return !is_name(name, "host") || accept_host(text, span);
    case 6:
      if (!is_name(name, "expect")) return true;
      // HTTP/1.0 knows no interim answers: the wish is ignored there (RFC 9110 section 10.1.1).
      expect_continue_ = version_minor_ != 0;
      return base::equals_lowered(value, "100-continue");
    case 7:
      if (is_name(name, "upgrade")) wants_upgrade_ = true;
      return true;
    case 10:
      if (is_name(name, "connection")) framing_.on_connection(value);
      return true;
    case 14:
      return !is_name(name, "content-length") || framing_.on_content_length(value);
    case 17:
      return !is_name(name, "transfer-encoding") || framing_.on_transfer_encoding(value);
    default:
      return true;
  }
}

bool H1RequestParser::accept_host(Bytes text, const FieldSpan& span) {
  if (has_host_) return false;
  has_host_ = true;
  host_ = {span.value_begin, span.value_size};
  return is_authority(host_.of(text));
}

Parse H1RequestParser::finish(Bytes text) {
  if (!has_host_ && version_minor_ != 0) return fail(Errc::bad_request);
  if (framing_.contradictory(version_minor_)) return fail(Errc::bad_request);
  if (authority_.size != 0) {
    if (!has_host_) host_ = authority_;
    if (!equal_without_case(authority_.of(text), host_.of(text))) return fail(Errc::misdirected);
  }
  if (framing_.coding == FramingFields::Coding::unknown) return fail(Errc::unsupported_coding);
  state_ = State::done;
  return Parse::done;
}

RequestHead H1RequestParser::head(Bytes text) const {
  RequestHead head;
  head.method = method_.of(text);
  head.target = target_.of(text);
  head.host = host_.of(text);
  head.path = head.target;
  if (authority_.size != 0) {
    head.path.remove_prefix(authority_.begin - target_.begin + std::size_t{authority_.size});
  }
  const std::size_t mark = head.path.find('?');
  if (mark != Bytes::npos) {
    head.query = head.path.substr(mark + 1);
    head.path = head.path.substr(0, mark);
  }
  if (head.path.empty()) head.path = "/";
  head.version_minor = version_minor_;
  head.keep_alive = framing_.persists(version_minor_);
  head.expect_continue = expect_continue_;
  head.wants_upgrade = wants_upgrade_;
  head.framing = framing_.framing(Framing::none);
  head.content_length = framing_.content_length;
  return head;
}

// -- answers

void H1ResponseParser::reset(bool head_request) {
  fields_.clear();
  reader_.reset();
  framing_ = {};
  head_ = {};
  position_ = 0;
  state_ = State::status;
  error_ = Errc::ok;
  head_request_ = head_request;
}

Parse H1ResponseParser::fail() {
  state_ = State::failed;
  error_ = Errc::upstream_protocol;
  return Parse::failed;
}

Parse H1ResponseParser::need_more(Bytes text) {
  return text.size() < kAnswerHeadBytes ? Parse::need_more : fail();
}

Parse H1ResponseParser::parse(Bytes text) {
  if (state_ == State::done) return Parse::done;
  if (state_ == State::failed) return Parse::failed;
  text = text.substr(0, kAnswerHeadBytes);
  if (state_ != State::fields) {
    const Parse line = parse_status_line(text);
    if (line != Parse::done) return line;
  }
  FieldSpan span;
  for (;;) {
    switch (reader_.next(text, position_, span)) {
      case FieldReader::Found::need_more:
        return need_more(text);
      case FieldReader::Found::failed:
        return fail();
      case FieldReader::Found::end:
        return finish();
      case FieldReader::Found::field:
        if (fields_.full()) return fail();
        fields_.add(span);
        if (!accept_field(text, span)) return fail();
    }
  }
}

// One byte of `HTTP/1.x 200`.
bool H1ResponseParser::accept_status_byte(char c) {
  constexpr std::size_t kBlankAt = 8;
  if (position_ == kVersionMinorAt) {
    head_.version_minor = static_cast<std::uint8_t>(c - '0');
    return base::is_digit(c);
  }
  if (position_ < kBlankAt) return c == kVersion[position_];
  if (position_ == kBlankAt) return c == ' ';
  head_.status = static_cast<std::uint16_t>(head_.status * 10 + (c - '0'));
  return base::is_digit(c) && head_.status != 0;
}

// HTTP/1.x SP 3DIGIT [ SP reason ] CRLF. The blank without a reason is often left out by servers.
Parse H1ResponseParser::parse_status_line(Bytes text) {
  constexpr std::size_t kReasonAt = 12;
  constexpr Bytes kUsual = "HTTP/1.1 200 ";
  if (position_ == 0 && text.starts_with(kUsual)) {
    head_.version_minor = 1;
    head_.status = 200;
    position_ = kUsual.size();
    state_ = State::reason;
  }
  for (; state_ == State::status; ++position_) {
    if (position_ == text.size()) return need_more(text);
    const char c = text[position_];
    if (position_ < kReasonAt) {
      if (!accept_status_byte(c)) return fail();
    } else {
      if (c != ' ' && c != '\r') return fail();
      state_ = c == ' ' ? State::reason : State::status_lf;
    }
  }
  if (state_ == State::reason) {
    position_ = scan::skip<scan::Value>(text, position_);
    if (position_ == text.size()) return need_more(text);
    if (text[position_++] != '\r') return fail();
    state_ = State::status_lf;
  }
  if (position_ == text.size()) return need_more(text);
  if (text[position_++] != '\n') return fail();
  state_ = State::fields;
  return Parse::done;
}

bool H1ResponseParser::accept_field(Bytes text, const FieldSpan& span) {
  const char* const name = text.data() + span.name_begin;
  const Bytes value = text.substr(span.value_begin, span.value_size);
  switch (span.name_size) {
    case 10:
      if (is_name(name, "connection")) framing_.on_connection(value);
      return true;
    case 14:
      return !is_name(name, "content-length") || framing_.on_content_length(value);
    case 17:
      return !is_name(name, "transfer-encoding") || framing_.on_transfer_encoding(value);
    default:
      return true;
  }
}

Parse H1ResponseParser::finish() {
  if (head_.status == 101 || framing_.contradictory(head_.version_minor)) return fail();
  if (framing_.coding == FramingFields::Coding::unknown) return fail();
  head_.content_length = framing_.content_length;
  head_.keep_alive = framing_.persists(head_.version_minor);
  const bool without_body =
      head_request_ || head_.status < 200 || head_.status == 204 || head_.status == 304;
  if (!without_body) {
    head_.framing = framing_.framing(Framing::until_close);
    if (head_.framing == Framing::until_close) head_.keep_alive = false;
  }
  state_ = State::done;
  return Parse::done;
}

}  // namespace headrace::http
