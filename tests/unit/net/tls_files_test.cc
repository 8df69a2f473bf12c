// Goal: a file of any kind is read within its bound. Method: files of every size that matters.
#include "net/tls_files.h"

#include <doctest/doctest.h>

#include "base/limits.h"
#include "scratch_dir.h"

namespace headrace::net::test {

TEST_CASE("a file is read up to the bound and refused above it") {
  headrace_test::ScratchDir dir;
  const std::string file = dir.file("x");
  const std::size_t bound = base::limits::kTlsFileBytes;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{20'000}, bound}) {
    headrace_test::write_text(file, std::string(size, 'x'));
    std::string bytes;
    CHECK(read_tls_file(file, bytes).empty());
    CHECK(bytes.size() == size);
  }
  headrace_test::write_text(file, std::string(bound + 1, 'x'));
  std::string bytes;
  CHECK_FALSE(read_tls_file(file, bytes).empty());
  CHECK_FALSE(read_tls_file("/dev/zero", bytes).empty());
}

TEST_CASE("a digest is SHA-256 in hex") {
  CHECK(digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace headrace::net::test
