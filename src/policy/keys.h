// The keys that clients hold. Only keyed hashes of them are known here: a presented key is hashed
// and the hash is looked up, so that neither memory nor configuration holds anything that opens a
// door. Every presented key costs the same work whether it is unknown, malformed, disabled or
// expired, and all of them get the same answer; only its length, which its sender knows, shows in
// the time. Immutable once built (by the control thread, from a snapshot), read by all workers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "config/snapshot.h"
#include "http/message.h"
#include "net/peer_certificate.h"
#include "policy/limits.h"

namespace headrace::policy {

using base::Bytes;

inline constexpr std::size_t kKeyBytesLeast = 16;
inline constexpr std::size_t kKeyBytesMost = 256;

using Digest = std::array<unsigned char, 32>;

// HMAC-SHA256 under one secret, whose part of the work is done beforehand. No allocation.
class KeyHash {
 public:
  explicit KeyHash(Bytes secret);
  Digest operator()(Bytes key) const;

 private:
  struct alignas(8) State {
    std::array<unsigned char, 112> bytes;
  };
  State inner_;
  State outer_;
};

std::string to_hex(const Digest& digest);

// `[A-Za-z0-9_-]{16,256}`.
bool is_well_formed_key(Bytes key);

// What a request head says about its sender's key: in `Authorization: Bearer`, `x-api-key`,
// `api-key` or `x-goog-api-key`.
struct PresentedKey {
  Bytes key;                 // a view into the head; empty: none
  bool conflicting = false;  // several different ones, or an authorization that is no bearer
  bool absent = true;        // no field speaks of a key, or only such as have nothing in them
};

PresentedKey present_key(const http::Fields& fields, Bytes head);

struct Key {
  std::string name;
  std::uint32_t index = 0;  // into Snapshot::keys; the id in records
  std::vector<std::string> models;
  Bounds bounds;
  KeyLimits* limits = nullptr;
  std::int64_t expires = 0;  // seconds since 1970; 0: never
  bool disabled = false;
  Digest digest{};

  bool may_use(Bytes model) const;
};

class KeyTable {
 public:
  KeyTable(const config::Snapshot& snapshot, LimitRegistry& registry);

  // The key that was presented, or null when it is not good at that time, for whatever reason.
  const Key* find(Bytes presented, std::int64_t wall_seconds) const;
  // The key that the certificate stands for: by its fingerprint, else by its names. Null when there
  // is none, when its names stand for several, or when it is not good at that time.
  const Key* find(const net::PeerCertificate& certificate, std::int64_t wall_seconds) const;

  bool empty() const { return keys_.empty(); }

 private:
  const Key& nearest(const Digest& digest) const;
  const Key* certified(const std::string& name) const;

  KeyHash hash_;
  std::vector<Key> keys_;
  std::vector<std::uint32_t> slots_;  // open addressing: 1 + index into keys_, 0 where empty
  std::vector<std::pair<std::string, std::uint32_t>> certificates_;  // by name; index into keys_
  Key nobody_;
};

}  // namespace headrace::policy
