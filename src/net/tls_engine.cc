#include "net/tls_engine.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "io/receive_pool.h"
#include "net/tls_client.h"
#include "net/tls_records.h"
#include "net/tls_server.h"
#include "net/tls_sessions.h"

namespace headrace::net {
namespace {

using base::Errc;

// -- the library's end of the wire: our two queues

int wire_read(BIO* wire, char* to, int room) {
  BIO_clear_retry_flags(wire);
  const int count =
      static_cast<TlsEngine*>(BIO_get_data(wire))->pull(to, static_cast<std::size_t>(room));
  if (count == 0) BIO_set_retry_read(wire);
  return count == 0 ? -1 : count;
}

int wire_write(BIO* wire, const char* from, int count) {
  static_cast<TlsEngine*>(BIO_get_data(wire))->push({from, static_cast<std::size_t>(count)});
  return count;
}

long wire_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int wire_create(BIO* wire) {
  BIO_set_init(wire, 1);
  return 1;
}

const BIO_METHOD* wire_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "headrace");
    BIO_meth_set_create(made, wire_create);
    BIO_meth_set_read(made, wire_read);
    BIO_meth_set_write(made, wire_write);
    BIO_meth_set_ctrl(made, wire_control);
    return made;
  }();
  return method;
}

// The reasons that mean "I do not know you" rather than "I do not understand you".
bool is_about_trust(int reason) {
  return reason == SSL_R_CERTIFICATE_VERIFY_FAILED ||
         reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
}

std::string_view text_of(bssl::Span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What records of our own are made from. The secrets are the library's, for as long as it has them.
struct Traffic {
  TlsSuite suite;
  std::string_view read_secret;
  std::string_view write_secret;

  // False: it is not TLS 1.3 as we know it.
  bool read_from(const ssl_st* ssl) {
    bssl::Span<const std::uint8_t> read;
    bssl::Span<const std::uint8_t> write;
    if (!TlsSuite::of(ssl, suite) || !bssl::SSL_get_traffic_secrets(ssl, &read, &write))
      return false;
    read_secret = text_of(read);
    write_secret = text_of(write);
    return true;
  }
};

}  // namespace

int keep_ticket(ssl_st* ssl, ssl_session_st* ticket) {
  static_cast<TlsEngine*>(SSL_get_app_data(ssl))->keep(ticket);
  return 1;
}

TlsEngine::TlsEngine(io::BlockPool& blocks) : blocks_(blocks) {}

TlsEngine::TlsEngine(io::BlockPool& blocks, const TlsClient& client, TlsSessions* tickets)
    : TlsEngine(blocks) {
  tickets_ = tickets;
  begin(SSL_new(client.settings()));
  SSL_set_connect_state(ssl_);
  if (!client.server_name().empty()) SSL_set_tlsext_host_name(ssl_, client.server_name().c_str());
}

TlsEngine::TlsEngine(io::BlockPool& blocks, const TlsServer& server) : TlsEngine(blocks) {
  server_ = server.shared_from_this();
  begin(SSL_new(server.settings()));
  SSL_set_accept_state(ssl_);
}

TlsEngine::~TlsEngine() {
  SSL_free(ssl_);
}

void TlsEngine::begin(ssl_st* ssl) {
  HEADRACE_ASSERT(ssl != nullptr);
  ssl_ = ssl;
  SSL_set_app_data(ssl, this);
  SSL_set_shed_handshake_config(ssl, 1);  // an idle connection keeps only what it needs
  BIO* wire = BIO_new(wire_method());
  HEADRACE_ASSERT(wire != nullptr);
  BIO_set_data(wire, this);
  SSL_set_bio(ssl, wire, wire);
}

// -- what the library reads and writes

int TlsEngine::pull(char* to, std::size_t room) {
  if (records_ != nullptr) {
    const std::size_t count = std::min(room, for_library_.size());
    std::memcpy(to, for_library_.data(), count);
    for_library_.remove_prefix(count);
    return static_cast<int>(count);
  }
  std::size_t copied = 0;
  while (copied < room && !input_.empty()) {
    const std::size_t count = std::min(room - copied, input_.front().size());
    std::memcpy(to + copied, input_.front().data(), count);
    input_.consume(count);
    copied += count;
  }
  pulled_ += copied;
  return static_cast<int>(copied);
}

// A record comes whole and stays together; small ones share a block. Once records of ours carry the
// numbers, the library's must not leave.
void TlsEngine::push(std::string_view ciphertext) {
  if (records_ != nullptr && records_->writes()) return;
  const bool fits = !output_.empty() && output_.back().tailroom() >= ciphertext.size();
  if (fits) {
    std::memcpy(
        output_.back().data() + output_.back().size(), ciphertext.data(), ciphertext.size());
    output_.extend_back(ciphertext.size());
    return;
  }
  io::Slice block = blocks_.take(ciphertext.size());
  std::memcpy(block.data(), ciphertext.data(), ciphertext.size());
  block.grow_back(ciphertext.size());
  output_.push(std::move(block), false);
}

void TlsEngine::keep(ssl_session_st* ticket) {
  if (tickets_ != nullptr) {
    tickets_->keep(ticket);
  } else {
    SSL_SESSION_free(ticket);
  }
}

// -- verbs. The library clears the thread's error queue at the start of each call by itself, which
// is not cheap: what a failure finds there is its own.

bool TlsEngine::has_input() const {
  if (records_ != nullptr) return !input_.empty() || records_->is_over();
  return !input_.empty() || SSL_pending(ssl_) > 0 || last_ != Outcome::more;
}

// A ticket is taken for a handshake that really begins: an address that refuses does not use one
// up.
void TlsEngine::offer_ticket() {
  if (tickets_ == nullptr) return;
  SSL_SESSION* ticket = tickets_->take();
  if (ticket == nullptr) return;
  SSL_set_session(ssl_, ticket);
  SSL_SESSION_free(ticket);
}

TlsEngine::Outcome TlsEngine::shake_hands() {
  if (!begun_) offer_ticket();
  begun_ = true;
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    pulled_ = 0;
    take_over();
    return Outcome::done;
  }
  return judge(result);
}

TlsEngine::Outcome TlsEngine::read(io::Slice& plaintext) {
  if (last_ == Outcome::ended || last_ == Outcome::failed) return last_;
  if (records_ == nullptr) return library_read(plaintext);
  switch (records_->read(input_, plaintext)) {
    case TlsRecords::Outcome::text:
      return Outcome::done;
    case TlsRecords::Outcome::more:
      return Outcome::more;
    case TlsRecords::Outcome::ended:
      input_.clear();
      last_ = Outcome::ended;
      return last_;
    case TlsRecords::Outcome::failed:
      input_.clear();
      note_records_failure();
      return last_;
  }
  return last_;
}

TlsEngine::Outcome TlsEngine::library_read(io::Slice& plaintext) {
  if (!has_input()) return Outcome::more;
  // No more plaintext can come of what is there than it has bytes itself.
  const std::size_t room =
      std::min(input_.bytes() + pulled_ + static_cast<std::size_t>(SSL_pending(ssl_)),
               base::limits::kTlsRecordBytes);
  io::Slice block =
      blocks_.take(io::ReceivePool::kHeadMargin + room + io::ReceivePool::kTailMargin);
  io::Buffer& buffer = *block.buffer();
  char* const first = buffer.base + io::ReceivePool::kHeadMargin;
  std::size_t size = 0;
  while (size < room && has_input()) {
    const int result = SSL_read(ssl_, first + size, static_cast<int>(room - size));
    if (result <= 0) {
      last_ = judge(result);
      break;
    }
    pulled_ = 0;
    size += static_cast<std::size_t>(result);
  }
  if (size == 0) return last_;
  plaintext = io::Slice(buffer, first, size);
  plaintext.set_headroom(io::ReceivePool::kHeadMargin);
  plaintext.set_tailroom(buffer.capacity - io::ReceivePool::kHeadMargin - size);
  return Outcome::done;
}

bool TlsEngine::write(io::SliceQueue& plaintext, std::size_t size) {
  if (records_ == nullptr) return library_write(plaintext, size);
  begin_writing();
  records_->write(plaintext, size, output_);
  return true;
}

bool TlsEngine::library_write(io::SliceQueue& plaintext, std::size_t size) {
  io::Slice together;
  const char* first = plaintext.front().data();
  if (plaintext.front().size() < size) {
    together = blocks_.take(size);
    first = together.data();
    for (std::size_t i = 0; together.size() < size; ++i) {
      const std::size_t count = std::min(size - together.size(), plaintext[i].size());
      std::memcpy(together.data() + together.size(), plaintext[i].data(), count);
      together.grow_back(count);
    }
  }
  const int result = SSL_write(ssl_, first, static_cast<int>(size));
  plaintext.consume(size);
  if (result == static_cast<int>(size)) return true;
  note_failure();
  return false;
}

void TlsEngine::end() {
  if (records_ == nullptr) {
    SSL_shutdown(ssl_);
    return;
  }
  begin_writing();
  records_->write_end(output_);
}

// -- with records of our own

// The library reads no further than the record it needs, so behind the handshake it holds nothing;
// where it did, or with TLS 1.2, everything stays with it.
void TlsEngine::take_over() {
  if (SSL_version(ssl_) != TLS1_3_VERSION || SSL_has_pending(ssl_) != 0) return;
  Traffic traffic;
  if (!traffic.read_from(ssl_)) return;
  TlsRecordsOwner* const owner = SSL_is_server(ssl_) == 1 ? nullptr : this;
  records_ = std::make_unique<TlsRecords>(
      blocks_, owner, traffic.suite, traffic.read_secret, SSL_get_read_sequence(ssl_));
  // A client has nothing left to say: its first request does not wait for a key.
  if (owner != nullptr) begin_writing();
}

// The tickets that a server gives leave with the first thing it says; from then on, at a client
// from the handshake on, the numbers of the records are ours.
void TlsEngine::begin_writing() {
  if (records_->writes()) return;
  SSL_write(ssl_, "", 0);
  Traffic traffic;
  const bool known = traffic.read_from(ssl_);
  HEADRACE_ASSERT(known);
  records_->begin_writing(traffic.suite, traffic.write_secret, SSL_get_write_sequence(ssl_));
}

void TlsEngine::note_records_failure() {
  const TlsRecords::Failure failure = records_->failure();
  last_ = Outcome::failed;
  if (failure.reason != 0) {
    failure_ = Errc::tls_failed;
    const char* text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, failure.reason));
    failure_text_ = text == nullptr ? "unknown" : text;
  }
  if (failure.alert == 0) return;
  begin_writing();
  records_->write_alert(failure.alert, output_);
}

// Into a record of the key and the number that the library goes by: it knows of no new keys and
// counts the records that it was shown.
bool TlsEngine::on_ticket_bytes(std::string_view bytes) {
  HEADRACE_ASSERT(records_->writes());  // what it says to this would bear a number of ours
  Traffic traffic;
  const bool known = traffic.read_from(ssl_);
  HEADRACE_ASSERT(known);
  TlsKey key(traffic.suite, traffic.read_secret, SSL_get_read_sequence(ssl_));
  const io::Slice record = blocks_.take(bytes.size() + TlsKey::kOverhead);
  std::memcpy(record.data() + TlsKey::kHeaderBytes, bytes.data(), bytes.size());
  key.seal(record.data(), bytes.size(), SSL3_RT_HANDSHAKE);
  for_library_ = {record.data(), bytes.size() + TlsKey::kOverhead};
  char none = 0;
  const int result = SSL_read(ssl_, &none, 1);
  const bool taken = for_library_.empty() && judge(result) == Outcome::more;
  for_library_ = {};
  return taken;
}

// -- outcomes

TlsEngine::Outcome TlsEngine::judge(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Outcome::more;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::ended;
    default:
      note_failure();
      return Outcome::failed;
  }
}

void TlsEngine::note_failure() {
  const std::uint32_t error = ERR_peek_last_error();
  const bool untrusted = ERR_GET_LIB(error) == ERR_LIB_SSL && is_about_trust(ERR_GET_REASON(error));
  failure_ = untrusted ? Errc::tls_untrusted : Errc::tls_failed;
  const char* text = nullptr;
  if (untrusted && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    text = X509_verify_cert_error_string(SSL_get_verify_result(ssl_));
  } else {
    text = ERR_reason_error_string(error);
  }
  failure_text_ = text == nullptr ? "unknown" : text;
  last_ = Outcome::failed;
  ERR_clear_error();
}

bool TlsEngine::resumed() const {
  return SSL_session_reused(ssl_) == 1;
}

std::unique_ptr<const PeerCertificate> TlsEngine::peer_certificate() const {
  const bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(ssl_));
  if (certificate == nullptr) return nullptr;
  return std::make_unique<const PeerCertificate>(PeerCertificate::of(certificate.get()));
}

std::string_view TlsEngine::protocol() const {
  const std::uint8_t* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string_view TlsEngine::version() const {
  return SSL_get_version(ssl_);
}

}  // namespace headrace::net
