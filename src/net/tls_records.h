// The records of a TLS 1.3 connection behind its handshake (RFC 8446 section 5): opened and sealed
// where they lie. A record that lies whole in a received slice is opened there, and the texts of
// several become one run; only one that was cut over slices is copied together. A piece that stands
// alone and has room around it is sealed in place, others are copied into a block, once. Nothing is
// allocated for a record but pooled blocks.
//
// New keys (KeyUpdate) are taken here, and made after kTlsRecordsPerKey records; tickets go to the
// owner. Anything else that is no text ends the connection, as do a record that somebody touched,
// and idle records beyond their bounds (base/limits.h).
//
// Owned by TlsEngine, one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "io/block_pool.h"
#include "io/slice_queue.h"
#include "net/tls_key.h"
#include "net/tls_records_owner.h"

namespace headrace::net {

class TlsRecords {
 public:
  enum class Outcome : std::uint8_t {
    more,    // no text before more ciphertext comes
    text,    // was read
    ended,   // the peer said that it will send no more
    failed,  // see failure()
  };
  // `reason` is the library's code; 0: the owner has said it. `alert` is for the peer; 0: none.
  struct Failure {
    int reason = 0;
    std::uint8_t alert = 0;
  };

  // `owner` is null where tickets are not to come: at a server.
  TlsRecords(io::BlockPool& blocks,
             TlsRecordsOwner* owner,
             const TlsSuite& suite,
             std::string_view read_secret,
             std::uint64_t read_sequence);
  TlsRecords(const TlsRecords&) = delete;
  TlsRecords& operator=(const TlsRecords&) = delete;

  // `text`: of one record that was cut, or of all that lay in one slice of `input`. What comes
  // behind an end or a failure is not looked at.
  Outcome read(io::SliceQueue& input, io::Slice& text);
  bool is_over() const { return outcome_ != Outcome::more; }
  Failure failure() const { return failure_; }

  bool writes() const { return write_.has_value(); }
  void begin_writing(const TlsSuite& suite, std::string_view secret, std::uint64_t sequence);
  // Takes `size` bytes off the front of `text` into one record. REQUIRES: writes(), as below;
  // 1 to kTlsRecordBytes.
  void write(io::SliceQueue& text, std::size_t size, io::SliceQueue& output);
  void write_end(io::SliceQueue& output);
  void write_alert(std::uint8_t alert, io::SliceQueue& output);

 private:
  // -- reading
  std::size_t body_bytes(const char* header);
  std::size_t gather(std::string_view from);
  void take_block(std::size_t body);
  void open_run(io::Slice from, io::Slice& text);
  std::string_view open(char* record, std::size_t body);
  std::string_view take_text(std::string_view text);
  void take_alert(std::string_view alert);
  void take_messages(std::string_view bytes);
  bool take_head(char byte);
  void take_tickets(std::string_view bytes);
  void take_key_update(bool at_end);
  void fail(int reason, std::uint8_t alert);

  // -- writing
  void make(std::string_view content, std::uint8_t type, io::SliceQueue& output);
  char* place(std::size_t size, io::SliceQueue& output);
  void renew_write_key(io::SliceQueue& output);

  io::BlockPool& blocks_;
  TlsRecordsOwner* owner_;
  TlsKey read_;
  std::optional<TlsKey> write_;
  Outcome outcome_ = Outcome::more;
  Failure failure_;

  // A record that was cut: its header, then a block with header and body.
  std::array<char, TlsKey::kHeaderBytes> header_{};
  std::uint8_t header_bytes_ = 0;
  std::uint16_t missing_ = 0;  // of the body
  io::Slice cut_;

  // A message of the handshake's kind: its type and length, and the byte of a KeyUpdate.
  std::array<std::uint8_t, 5> head_{};
  std::uint8_t head_bytes_ = 0;
  std::uint32_t message_left_ = 0;

  // Since the last text.
  unsigned empty_records_ = 0;
  unsigned key_updates_ = 0;
  unsigned warnings_ = 0;
  std::size_t message_bytes_ = 0;

  bool answer_due_ = false;  // the peer asked for new keys of ours
};

}  // namespace headrace::net
