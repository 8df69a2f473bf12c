// Which backend is chosen, and that the reason helps. Refusals are real: a child process puts
// itself under a seccomp filter, as a container runtime does.
#include "io/backend.h"

#include <doctest/doctest.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <initializer_list>

#include <cerrno>
#include <cstddef>

namespace headrace::io {
namespace {

// From here on this process gets `answer` from one system call.
bool refuse(long call, int answer) {
  const auto number = static_cast<unsigned>(call);
  const auto refusal = static_cast<unsigned>(SECCOMP_RET_ERRNO) | static_cast<unsigned>(answer);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, refusal),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = 4, .filter = program};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

struct Verdict {
  bool automatic_is_uring = true;
  bool explicit_is_usable = true;
  std::string name;    // of the Io that `automatic` makes
  std::string reason;  // of the choice
};

// What a process under such a filter decides.
Verdict under_filter(long call, int answer) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string told = "no filter";
    if (refuse(call, answer)) {
      const BackendChoice choice = choose_backend(BackendWish::automatic);
      const BackendChoice wished = choose_backend(BackendWish::io_uring);
      std::string complaint;
      const auto bundle = make_io({}, complaint);
      told = std::string(choice.uring ? "1" : "0") + (wished.usable ? "1" : "0") +
             std::string(bundle != nullptr ? bundle->io().name() : "none") + "\n" + choice.reason;
    }
    const ssize_t written = ::write(ends[1], told.data(), told.size());
    ::_exit(written == static_cast<ssize_t>(told.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  char told[1024] = {};
  const ssize_t size = ::read(ends[0], told, sizeof told - 1);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  const std::string text(told, size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::size_t line = text.find('\n');
  REQUIRE(line != std::string::npos);
  return {text[0] == '1', text[1] == '1', text.substr(2, line - 2), text.substr(line + 1)};
}

TEST_CASE("where io_uring runs it is chosen, and the reason says so") {
  const BackendChoice probe = probe_uring();
  if (!probe.uring) {
    MESSAGE("skipped: " << probe.reason);
    return;
  }
  CHECK(choose_backend(BackendWish::automatic).uring);
  CHECK(choose_backend(BackendWish::io_uring).usable);
  CHECK(probe.reason.find("kernel") != std::string::npos);
  std::string complaint;
  const auto bundle = make_io({}, complaint);
  REQUIRE(bundle != nullptr);
  CHECK(bundle->io().name() == "io_uring");
  CHECK(complaint.empty());
}

TEST_CASE("epoll runs where it is wished for, whatever io_uring could do") {
  const BackendChoice choice = choose_backend(BackendWish::epoll);
  CHECK_FALSE(choice.uring);
  CHECK(choice.usable);
  std::string complaint;
  const auto bundle = make_io({.wish = BackendWish::epoll}, complaint);
  REQUIRE(bundle != nullptr);
  CHECK(bundle->io().name() == "epoll");
}

TEST_CASE(
    "a seccomp profile that refuses any of the three calls leads to epoll, with the remedy named") {
  for (const long call : {SYS_io_uring_setup, SYS_io_uring_register, SYS_io_uring_enter}) {
    for (const int answer : {EPERM, ENOSYS}) {
      CAPTURE(call);
      CAPTURE(answer);
      const Verdict verdict = under_filter(call, answer);
      CHECK_FALSE(verdict.automatic_is_uring);
      CHECK_FALSE(verdict.explicit_is_usable);
      CHECK(verdict.name == "epoll");
      CHECK(verdict.reason.find("seccomp") != std::string::npos);
      CHECK(verdict.reason.find("io.backend: epoll") != std::string::npos);
      CHECK(verdict.reason.find('\n') == std::string::npos);
    }
  }
}

TEST_CASE("every refusal has one line with a remedy") {
  CHECK(explain_uring_refusal(ENOMEM).find("ulimit -l") != std::string::npos);
  CHECK(explain_uring_refusal(EMFILE).find("ulimit -n") != std::string::npos);
  CHECK(explain_uring_refusal(EINVAL).find("kernel") != std::string::npos);
  CHECK(explain_uring_refusal(EIO).find("io.backend: epoll") != std::string::npos);
}

TEST_CASE("kernels before 6.1 are told apart by their release") {
  CHECK(explain_old_kernel("5.10.0-28-amd64").find("5.10.0-28-amd64") != std::string::npos);
  CHECK_FALSE(explain_old_kernel("5.19").empty());
  CHECK_FALSE(explain_old_kernel("6.0.19").empty());
  CHECK_FALSE(explain_old_kernel("6").empty());
  CHECK(explain_old_kernel("6.1.0-18-amd64").empty());
  CHECK(explain_old_kernel("6.10.3").empty());
  CHECK(explain_old_kernel("7.0").empty());
}

TEST_CASE("the tiny mode makes pools of two buffers of 64 bytes on either backend") {
  for (const BackendWish wish : {BackendWish::automatic, BackendWish::epoll}) {
    std::string complaint;
    const auto bundle = make_io({.wish = wish, .tiny = true}, complaint);
    REQUIRE(bundle != nullptr);
    bundle->io().run_once(0);
    CHECK(bundle->io().receive_pool(Side::client).buffer_bytes() == 64);
    CHECK(bundle->io().receive_pool(Side::upstream).total() <= 2);
  }
}

}  // namespace
}  // namespace headrace::io
