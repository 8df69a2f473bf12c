// tls_records.cc – cutting the stream into records, what is in them, and making our own.
#include "net/tls_records.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"
#include "io/receive_pool.h"

namespace headrace::net {
namespace {

namespace limits = base::limits;

constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kText = 23;

constexpr std::uint8_t kNewSessionTicket = 4;
constexpr std::uint8_t kKeyUpdate = 24;
constexpr std::size_t kMessageHead = 4;  // type and length

constexpr std::uint8_t kWarning = 1;
constexpr std::uint8_t kFatal = 2;

std::uint8_t byte_at(const char* at) {
  return static_cast<std::uint8_t>(*at);
}

}  // namespace

TlsRecords::TlsRecords(io::BlockPool& blocks,
                       TlsRecordsOwner* owner,
                       const TlsSuite& suite,
                       std::string_view read_secret,
                       std::uint64_t read_sequence)
    : blocks_(blocks), owner_(owner), read_(suite, read_secret, read_sequence) {}

// The first failure counts.
void TlsRecords::fail(int reason, std::uint8_t alert) {
  if (outcome_ == Outcome::failed) return;
  outcome_ = Outcome::failed;
  failure_ = {.reason = reason, .alert = alert};
}

// -- cutting the stream

TlsRecords::Outcome TlsRecords::read(io::SliceQueue& input, io::Slice& text) {
  while (outcome_ == Outcome::more && !input.empty()) {
    io::Slice from = input.pop();
    // What is borrowed is never written to.
    if (header_bytes_ != 0 || from.buffer() == nullptr) {
      from.drop_front(gather(from.view()));
      if (!from.empty()) input.push_front(std::move(from));
      if (outcome_ != Outcome::more || header_bytes_ < header_.size() || missing_ != 0) continue;
      header_bytes_ = 0;
      from = std::move(cut_);
    }
    open_run(std::move(from), text);
    if (!text.empty()) return Outcome::text;
  }
  return outcome_;
}

// How long the body of the record is; 0: there is no such record.
std::size_t TlsRecords::body_bytes(const char* header) {
  if (byte_at(header) != kText) {
    fail(SSL_R_UNEXPECTED_RECORD, SSL_AD_UNEXPECTED_MESSAGE);
    return 0;
  }
  if (byte_at(header + 1) != 3 || byte_at(header + 2) != 3) {
    fail(SSL_R_WRONG_VERSION_NUMBER, SSL_AD_PROTOCOL_VERSION);
    return 0;
  }
  const std::size_t bytes = std::size_t{byte_at(header + 3)} << 8 | byte_at(header + 4);
  if (bytes > limits::kTlsSealedBytes) {
    fail(SSL_R_ENCRYPTED_LENGTH_TOO_LONG, SSL_AD_RECORD_OVERFLOW);
    return 0;
  }
  if (bytes < TlsKey::kBehindBytes) {
    fail(SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, SSL_AD_BAD_RECORD_MAC);
    return 0;
  }
  return bytes;
}

// Copies bytes of one record to where it becomes whole, as many as it says: the receive buffer of a
// record whose end may never come goes home.
std::size_t TlsRecords::gather(std::string_view from) {
  std::size_t taken = 0;
  if (header_bytes_ < header_.size()) {
    taken = std::min(header_.size() - header_bytes_, from.size());
    std::memcpy(header_.data() + header_bytes_, from.data(), taken);
    header_bytes_ = static_cast<std::uint8_t>(header_bytes_ + taken);
    if (header_bytes_ < header_.size()) return taken;
    const std::size_t body = body_bytes(header_.data());
    if (body == 0) return taken;
    take_block(body);
  }
  const std::size_t count = std::min<std::size_t>(missing_, from.size() - taken);
  std::memcpy(cut_.data() + cut_.size(), from.data() + taken, count);
  cut_.grow_back(count);
  missing_ = static_cast<std::uint16_t>(missing_ - count);
  return taken + count;
}

// With the margins of a receive buffer, and the header.
void TlsRecords::take_block(std::size_t body) {
  constexpr std::size_t kHead = io::ReceivePool::kHeadMargin;
  const io::Slice block =
      blocks_.take(kHead + header_.size() + body + io::ReceivePool::kTailMargin);
  io::Buffer& buffer = *block.buffer();
  std::memcpy(buffer.base + kHead, header_.data(), header_.size());
  cut_ = io::Slice(buffer, buffer.base + kHead, header_.size());
  cut_.set_headroom(kHead);
  cut_.set_tailroom(buffer.capacity - kHead - header_.size());
  missing_ = static_cast<std::uint16_t>(body);
}

// Opens all records that are whole in `from` and moves their texts together, over what stood
// between them; the beginning of one more is kept elsewhere, so that the room behind is free.
void TlsRecords::open_run(io::Slice from, io::Slice& text) {
  constexpr auto kHeader = static_cast<std::ptrdiff_t>(TlsKey::kHeaderBytes);
  char* at = from.data();
  char* const end = at + from.size();
  char* text_begin = at;
  char* text_end = at;
  while (outcome_ == Outcome::more && end - at >= kHeader) {
    const std::size_t body = body_bytes(at);
    if (body == 0 || static_cast<std::size_t>(end - at - kHeader) < body) break;
    const std::string_view opened = open(at, body);
    at += TlsKey::kHeaderBytes + body;
    if (opened.empty()) continue;
    if (text_begin == text_end) {
      text_begin = text_end = const_cast<char*>(opened.data());
    } else {
      std::memmove(text_end, opened.data(), opened.size());
    }
    text_end += opened.size();
  }
  if (outcome_ == Outcome::more && at != end) gather({at, static_cast<std::size_t>(end - at)});
  if (text_begin == text_end) return;
  from.drop_front(static_cast<std::size_t>(text_begin - from.data()));
  from.drop_back(static_cast<std::size_t>(from.data() + from.size() - text_end));
  text = std::move(from);
}

// -- what is in a record

// Text, where there is some to give out.
std::string_view TlsRecords::open(char* record, std::size_t body) {
  if (!read_.open(record, body)) {
    ERR_clear_error();
    fail(SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, SSL_AD_BAD_RECORD_MAC);
    return {};
  }
  const char* const first = record + TlsKey::kHeaderBytes;
  const char* last = first + body - TlsKey::kTagBytes;
  if (static_cast<std::size_t>(last - first) > limits::kTlsRecordBytes + 1) {
    fail(SSL_R_DATA_LENGTH_TOO_LONG, SSL_AD_RECORD_OVERFLOW);
    return {};
  }
  do {  // the type stands before the padding
    if (last == first) {
      fail(SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, SSL_AD_UNEXPECTED_MESSAGE);
      return {};
    }
  } while (*--last == 0);
  const std::string_view content(first, static_cast<std::size_t>(last - first));
  switch (byte_at(last)) {
    case kText:
      return take_text(content);
    case kHandshake:
      take_messages(content);
      return {};
    case kAlert:
      take_alert(content);
      return {};
    default:
      fail(SSL_R_UNEXPECTED_RECORD, SSL_AD_UNEXPECTED_MESSAGE);
      return {};
  }
}

std::string_view TlsRecords::take_text(std::string_view text) {
  if (head_bytes_ != 0) {
    fail(SSL_R_UNEXPECTED_RECORD, SSL_AD_UNEXPECTED_MESSAGE);
    return {};
  }
  if (text.empty()) {
    if (++empty_records_ > limits::kTlsEmptyRecords)
      fail(SSL_R_TOO_MANY_EMPTY_FRAGMENTS, SSL_AD_UNEXPECTED_MESSAGE);
    return {};
  }
  empty_records_ = key_updates_ = warnings_ = 0;
  message_bytes_ = 0;
  return text;
}

void TlsRecords::take_alert(std::string_view alert) {
  if (alert.size() != 2) return fail(SSL_R_BAD_ALERT, SSL_AD_DECODE_ERROR);
  const std::uint8_t level = byte_at(&alert[0]);
  const std::uint8_t description = byte_at(&alert[1]);
  if (level == kFatal) return fail(SSL_AD_REASON_OFFSET + description, 0);
  if (level != kWarning) return fail(SSL_R_UNKNOWN_ALERT_TYPE, SSL_AD_ILLEGAL_PARAMETER);
  if (description == SSL_AD_CLOSE_NOTIFY) {
    outcome_ = Outcome::ended;
    return;
  }
  // The only other warning of TLS 1.3.
  if (description != SSL_AD_USER_CANCELLED) return fail(SSL_R_BAD_ALERT, SSL_AD_DECODE_ERROR);
  if (++warnings_ > limits::kTlsWarnings)
    fail(SSL_R_TOO_MANY_WARNING_ALERTS, SSL_AD_UNEXPECTED_MESSAGE);
}

// Messages may be cut over records, and several be in one; new keys end theirs.
void TlsRecords::take_messages(std::string_view bytes) {
  message_bytes_ += bytes.size();
  if (bytes.empty() || message_bytes_ > limits::kTlsMessageBytes)
    return fail(SSL_R_UNEXPECTED_RECORD, SSL_AD_UNEXPECTED_MESSAGE);
  std::size_t tickets = 0;  // bytes of them so far: they come first
  for (std::size_t i = 0; i < bytes.size();) {
    const bool updates = head_bytes_ != 0 && head_[0] == kKeyUpdate;
    if (head_bytes_ < (updates ? head_.size() : kMessageHead)) {
      if (!take_head(bytes[i++])) return;
    } else {
      const std::size_t count = std::min<std::size_t>(message_left_, bytes.size() - i);
      message_left_ -= static_cast<std::uint32_t>(count);
      i += count;
    }
    if (head_[0] == kKeyUpdate) {
      if (head_bytes_ != head_.size()) continue;
      take_tickets(bytes.substr(0, tickets));
      return take_key_update(i == bytes.size());
    }
    tickets = i;
    if (head_bytes_ == kMessageHead && message_left_ == 0) head_bytes_ = 0;
  }
  take_tickets(bytes.substr(0, tickets));
}

bool TlsRecords::take_head(char byte) {
  head_[head_bytes_++] = byte_at(&byte);
  const bool known = head_[0] == kKeyUpdate || (head_[0] == kNewSessionTicket && owner_ != nullptr);
  if (!known) {
    fail(SSL_R_UNEXPECTED_MESSAGE, SSL_AD_UNEXPECTED_MESSAGE);
    return false;
  }
  if (head_bytes_ != kMessageHead) return true;
  message_left_ =
      std::uint32_t{head_[1]} << 16 | std::uint32_t{head_[2]} << 8 | std::uint32_t{head_[3]};
  const bool too_long = message_left_ > limits::kTlsRecordBytes;
  if (too_long) fail(SSL_R_EXCESSIVE_MESSAGE_SIZE, SSL_AD_ILLEGAL_PARAMETER);
  if (head_[0] == kKeyUpdate && message_left_ != 1) fail(SSL_R_DECODE_ERROR, SSL_AD_DECODE_ERROR);
  return outcome_ == Outcome::more;
}

void TlsRecords::take_tickets(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!owner_->on_ticket_bytes(bytes)) fail(0, SSL_AD_DECODE_ERROR);
}

void TlsRecords::take_key_update(bool at_end) {
  head_bytes_ = 0;
  message_left_ = 0;
  const std::uint8_t request = head_[kMessageHead];
  if (request > 1) return fail(SSL_R_DECODE_ERROR, SSL_AD_ILLEGAL_PARAMETER);
  if (!at_end) return fail(SSL_R_EXCESS_HANDSHAKE_DATA, SSL_AD_UNEXPECTED_MESSAGE);
  if (++key_updates_ > limits::kTlsKeyUpdates)
    return fail(SSL_R_TOO_MANY_KEY_UPDATES, SSL_AD_UNEXPECTED_MESSAGE);
  read_.renew();
  answer_due_ = answer_due_ || request == 1;
}

// -- making records

void TlsRecords::begin_writing(const TlsSuite& suite,
                               std::string_view secret,
                               std::uint64_t sequence) {
  write_.emplace(suite, secret, sequence);
}

void TlsRecords::write(io::SliceQueue& text, std::size_t size, io::SliceQueue& output) {
  HEADRACE_ASSERT(size != 0 && size <= limits::kTlsRecordBytes);
  if (answer_due_ || write_->sequence() >= limits::kTlsRecordsPerKey) renew_write_key(output);
  const io::Slice& front = text.front();
  const bool ours = front.buffer() != nullptr && front.buffer()->references == 1;
  if (ours && front.size() == size && front.headroom() >= TlsKey::kHeaderBytes &&
      front.tailroom() >= TlsKey::kBehindBytes) {
    io::Slice record = text.pop();
    record.grow_front(TlsKey::kHeaderBytes);
    record.grow_back(TlsKey::kBehindBytes);
    write_->seal(record.data(), size, kText);
    output.push(std::move(record), false);
    return;
  }
  char* const record = place(size, output);
  std::size_t copied = 0;
  while (copied < size) {
    const std::size_t count = std::min(size - copied, text.front().size());
    std::memcpy(record + TlsKey::kHeaderBytes + copied, text.front().data(), count);
    text.consume(count);
    copied += count;
  }
  write_->seal(record, size, kText);
}

// Room for a record with `size` bytes of text: small ones share a block.
char* TlsRecords::place(std::size_t size, io::SliceQueue& output) {
  const std::size_t bytes = size + TlsKey::kOverhead;
  if (output.empty() || output.back().buffer() == nullptr || output.back().tailroom() < bytes) {
    io::Slice block = blocks_.take(bytes);
    block.grow_back(bytes);
    output.push(std::move(block), false);
  } else {
    output.extend_back(bytes);
  }
  return output.back().data() + output.back().size() - bytes;
}

void TlsRecords::make(std::string_view content, std::uint8_t type, io::SliceQueue& output) {
  char* const record = place(content.size(), output);
  std::memcpy(record + TlsKey::kHeaderBytes, content.data(), content.size());
  write_->seal(record, content.size(), type);
}

// The message leaves under the old key.
void TlsRecords::renew_write_key(io::SliceQueue& output) {
  make(std::string_view("\x18\x00\x00\x01\x00", 5), kHandshake, output);
  write_->renew();
  answer_due_ = false;
}

void TlsRecords::write_end(io::SliceQueue& output) {
  make(std::string_view("\x01\x00", 2), kAlert, output);
}

void TlsRecords::write_alert(std::uint8_t alert, io::SliceQueue& output) {
  const std::array<char, 2> bytes{static_cast<char>(kFatal), static_cast<char>(alert)};
  make({bytes.data(), bytes.size()}, kAlert, output);
}

}  // namespace headrace::net
