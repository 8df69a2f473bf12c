#include "net/tls_rehearsal.h"

#include <openssl/ssl.h>

#include "base/assert.h"
#include "net/tls_records.h"

namespace headrace::net {
namespace {

constexpr std::size_t kText = 256;  // an event
constexpr std::string_view kSecret = "nobody ever reads these records.";

// What nearly every peer settles on; the code is also that of AES-256.
TlsSuite usual_suite() {
  return {.aead = EVP_aead_aes_128_gcm(), .digest = EVP_sha256()};
}

}  // namespace

// A connection with itself: what it sends is what it receives, in one place.
struct TlsRehearsal::Stage {
  Stage() : records(blocks, nullptr, usual_suite(), kSecret, 0) {
    records.begin_writing(usual_suite(), kSecret, 0);
    io::Slice block = blocks.take(kText + TlsKey::kOverhead);
    block.grow_back(TlsKey::kHeaderBytes + kText);
    block.drop_front(TlsKey::kHeaderBytes);
    text.push(std::move(block));
  }

  io::BlockPool blocks;
  TlsRecords records;
  io::SliceQueue text;
  io::SliceQueue wire;
  std::uint64_t opened = 0;
};

TlsRehearsal::TlsRehearsal() : stage_(std::make_unique<Stage>()) {}
TlsRehearsal::~TlsRehearsal() = default;

void TlsRehearsal::rehearse() {
  Stage& stage = *stage_;
  stage.records.write(stage.text, kText, stage.wire);
  io::Slice text;
  const TlsRecords::Outcome outcome = stage.records.read(stage.wire, text);
  HEADRACE_ASSERT(outcome == TlsRecords::Outcome::text && text.size() == kText);
  stage.text.push(std::move(text));
  ++stage.opened;
}

std::uint64_t TlsRehearsal::records_opened() const {
  return stage_->opened;
}

}  // namespace headrace::net
