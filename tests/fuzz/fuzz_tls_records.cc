// Records of a TLS 1.3 peer that says anything: cut anywhere they come to the same text and the
// same end, nothing comes out that was not sealed as text, and noise fails.
#include <openssl/digest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "fuzz_cuts.h"
#include "io/block_pool.h"
#include "io/slice_queue.h"
#include "net/tls_records.h"

namespace headrace {
namespace {

using Outcome = net::TlsRecords::Outcome;

net::TlsSuite suite() {
  return {.aead = EVP_aead_aes_128_gcm(), .digest = EVP_sha256()};
}

struct Reader final : net::TlsRecordsOwner {
  bool on_ticket_bytes(std::string_view bytes) override {
    tickets += bytes;
    return tickets.size() < 1000;
  }
  void take(std::string_view bytes) {
    if (bytes.empty() || outcome != Outcome::more) return;
    input.push(blocks.copy_of(bytes), false);
    io::Slice slice;
    while ((outcome = records.read(input, slice)) == Outcome::text) {
      text += slice.view();
      slice.reset();
    }
  }

  io::BlockPool blocks;
  io::SliceQueue input;
  net::TlsRecords records{blocks, this, suite(), std::string(32, 's'), 0};
  std::string text;
  std::string tickets;
  Outcome outcome = Outcome::more;
};

struct Said {
  std::string bytes;
  std::string text;  // all that was sealed as text
};

// Two bytes say what the next record is and how long; then its content.
Said say(base::Bytes script) {
  Said said;
  net::TlsKey key(suite(), std::string(32, 's'), 0);
  while (script.size() >= 2) {
    const auto kind = static_cast<unsigned char>(script[0]);
    const std::size_t size =
        std::min<std::size_t>(static_cast<unsigned char>(script[1]), script.size() - 2);
    std::string content(script.substr(2, size));
    script.remove_prefix(2 + size);
    if (kind % 8 == 7) {  // as it is, unsealed
      said.bytes += content;
      continue;
    }
    std::uint8_t type = kind % 8 < 3 ? 23 : kind % 8 < 5 ? 22 : kind % 8 == 5 ? 21 : kind;
    const bool renews = kind % 8 == 4;
    if (renews) content = std::string("\x18\x00\x00\x01", 4) + static_cast<char>(kind >> 7);
    if (type == 23) said.text += content;
    if (kind >= 128 && !renews) {  // padded
      content += static_cast<char>(type);
      content.append(kind & 0x78u, '\0');
      type = 0;
    }
    std::string record(content.size() + net::TlsKey::kOverhead, '\0');
    std::memcpy(record.data() + net::TlsKey::kHeaderBytes, content.data(), content.size());
    key.seal(record.data(), content.size(), type);
    if (renews) key.renew();
    said.bytes += record;
  }
  return said;
}

void check_records(base::Bytes script, std::size_t first, std::size_t second) {
  const Said said = say(script);
  Reader whole;
  whole.take(said.bytes);
  Reader cut;
  bool turn = false;
  for (std::size_t at = 0; at < said.bytes.size(); turn = !turn) {
    const std::size_t count = 1 + (turn ? first : second);
    cut.take(std::string_view(said.bytes).substr(at, count));
    at += count;
  }
  fuzz_check(whole.text == cut.text && whole.tickets == cut.tickets);
  fuzz_check(whole.outcome == cut.outcome);
  fuzz_check(whole.records.failure().reason == cut.records.failure().reason);
  fuzz_check(whole.records.failure().alert == cut.records.failure().alert);
  fuzz_check(said.text.starts_with(whole.text));
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  headrace::check_records({reinterpret_cast<const char*>(data) + 2, size - 2}, data[0], data[1]);
  return 0;
}
