#include "net/tls_rehearsal.h"

#include <openssl/ssl.h>

#include <array>

#include "base/assert.h"
#include "net/tls_key.h"

namespace headrace::net {
namespace {

constexpr std::size_t kText = 256;  // an event
constexpr std::string_view kSecret = "nobody ever reads these records.";

// What nearly every peer settles on; the code is also that of AES-256.
TlsSuite usual_suite() {
  return {.aead = EVP_aead_aes_128_gcm(), .digest = EVP_sha256()};
}

}  // namespace

struct TlsRehearsal::Stage {
  TlsKey writes{usual_suite(), kSecret, 0};
  TlsKey reads{usual_suite(), kSecret, 0};
  std::array<char, kText + TlsKey::kOverhead> record{};
};

TlsRehearsal::TlsRehearsal() : stage_(std::make_unique<Stage>()) {}
TlsRehearsal::~TlsRehearsal() = default;

void TlsRehearsal::rehearse() {
  Stage& stage = *stage_;
  stage.writes.seal(stage.record.data(), kText, SSL3_RT_APPLICATION_DATA);
  const bool opened =
      stage.reads.open(stage.record.data(), stage.record.size() - TlsKey::kHeaderBytes);
  HEADRACE_ASSERT(opened);
}

std::uint64_t TlsRehearsal::records_opened() const {
  return stage_->reads.sequence();
}

}  // namespace headrace::net
