// TlsRehearsal: a record of TLS that a worker seals and opens for nobody while it polls. Between
// two events of a slow stream its ciphers leave the caches, and to fetch them again takes several
// times what the record does (docs/benchmarks.md). The key is its own, and no secret. One thread.
#pragma once

#include <cstdint>
#include <memory>

#include "io/io.h"

namespace headrace::net {

class TlsRehearsal final : public io::Rehearsal {
 public:
  TlsRehearsal();
  ~TlsRehearsal() override;

  void rehearse() override;
  std::uint64_t records_opened() const;

 private:
  struct Stage;

  std::unique_ptr<Stage> stage_;
};

}  // namespace headrace::net
