// TLS without a socket: ciphertext goes in as received slices and comes out as slices to send;
// plaintext likewise. One engine a connection, owned by its net::Stream, one thread.
//
// The library shakes hands. Behind a handshake of TLS 1.3 the records are ours (TlsRecords): opened
// and sealed where they lie, without an allocation. The library then sees tickets alone, in records
// that are made for it in memory, and writes nothing any more. With TLS 1.2 everything stays its
// own: a record is opened in its buffer and copied once into a pooled block, sealed in one pass and
// copied once more, and one allocation each way is made and dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "io/block_pool.h"
#include "io/slice_queue.h"
#include "net/peer_certificate.h"
#include "net/tls_records_owner.h"

struct ssl_st;
struct ssl_session_st;

namespace headrace::net {

class TlsClient;
class TlsRecords;
class TlsServer;
class TlsSessions;

class TlsEngine final : private TlsRecordsOwner {
 public:
  enum class Outcome : std::uint8_t {
    more,    // nothing (more) to be had before more ciphertext comes
    done,    // the handshake is through; plaintext was read
    ended,   // the peer said that it will send no more
    failed,  // see failure(); an alert may stand in output()
  };

  // `tickets` (may be null) outlives the engine.
  TlsEngine(io::BlockPool& blocks, const TlsClient& client, TlsSessions* tickets);
  TlsEngine(io::BlockPool& blocks, const TlsServer& server);
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;
  ~TlsEngine();

  void feed(io::Slice ciphertext) { input_.push(std::move(ciphertext)); }
  bool has_input() const;  // read() may have something to give or to say

  Outcome shake_hands();
  // `done`: what came, in one slice; of one record, or of all that lay in one slice of ciphertext.
  Outcome read(io::Slice& plaintext);
  // Seals `size` bytes from the front of the queue, at most kTlsRecordBytes, into one record.
  // False: failed.
  bool write(io::SliceQueue& plaintext, std::size_t size);
  // Says that we will send no more.
  void end();

  // What is to be sent, in order.
  io::SliceQueue& output() { return output_; }

  // Why it failed: the code, and the library's words for it, which are constants.
  base::Errc failure() const { return failure_; }
  std::string_view failure_text() const { return failure_text_; }

  bool resumed() const;
  // Of the handshake, or of the one that it resumes; null where the peer showed none.
  std::unique_ptr<const PeerCertificate> peer_certificate() const;
  std::string_view protocol() const;  // what ALPN settled on; empty: nothing
  std::string_view version() const;   // "TLSv1.3"

  // -- for the library's callbacks
  int pull(char* to, std::size_t room);
  void push(std::string_view ciphertext);
  void keep(ssl_session_st* ticket);

 private:
  explicit TlsEngine(io::BlockPool& blocks);
  void begin(ssl_st* ssl);
  void offer_ticket();
  Outcome judge(int result);
  void note_failure();
  Outcome library_read(io::Slice& plaintext);
  bool library_write(io::SliceQueue& plaintext, std::size_t size);

  // -- with records of our own
  void take_over();
  void begin_writing();
  void note_records_failure();
  bool on_ticket_bytes(std::string_view bytes) override;

  io::BlockPool& blocks_;
  ssl_st* ssl_ = nullptr;
  std::shared_ptr<const TlsServer> server_;  // its callbacks run during the handshake
  TlsSessions* tickets_ = nullptr;
  io::SliceQueue input_;
  io::SliceQueue output_;
  std::size_t pulled_ = 0;  // bytes of an unfinished record that the library holds, at most
  std::unique_ptr<TlsRecords> records_;  // null: the library's
  std::string_view for_library_;         // then it reads this, and not input_
  bool begun_ = false;
  Outcome last_ = Outcome::more;
  base::Errc failure_ = base::Errc::ok;
  std::string_view failure_text_;
};

// SSL_CTX_sess_set_new_cb: hands a new ticket to the engine of its connection.
int keep_ticket(ssl_st* ssl, ssl_session_st* ticket);

}  // namespace headrace::net
