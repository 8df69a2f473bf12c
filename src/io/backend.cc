#include "io/backend.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "io/epoll_io.h"
#include "io/uring_compat.h"
#include "io/uring_io.h"

namespace headrace::io {
namespace {

constexpr const char* kInstead = "or set io.backend: epoll";

ReceivePoolOptions pool_options(const IoOptions& options) {
  if (options.tiny) return {.buffer_bytes = 64, .initial = 2, .cap = 2};
  return {.buffer_bytes = 4096, .initial = options.buffers_initial, .cap = options.buffers_max};
}

UringOptions uring_options(const IoOptions& options) {
  UringOptions uring;
  uring.busy = options.busy;
  uring.ring.compat_61 = options.compat_61;
  if (options.tiny) {
    uring.ring.sq_entries = 8;
    uring.ring.cq_entries = 256;
  }
  return uring;
}

class UringBundle final : public IoBundle {
 public:
  explicit UringBundle(const IoOptions& options)
      : clients_(pool_options(options)), upstreams_(pool_options(options)) {}
  // 0, or the errno of the refusal.
  int open(const IoOptions& options) {
    auto made = UringIo::create(clients_, upstreams_, uring_options(options));
    if (!made) return made.error().os_errno;
    io_ = std::move(made.value());
    return 0;
  }
  Io& io() override { return *io_; }

 private:
  BufferRing clients_;
  BufferRing upstreams_;
  std::unique_ptr<UringIo> io_;  // dies before the pools
};

class EpollBundle final : public IoBundle {
 public:
  explicit EpollBundle(const IoOptions& options)
      : clients_(pool_options(options)),
        upstreams_(pool_options(options)),
        io_(clients_, upstreams_, options.busy) {}
  Io& io() override { return io_; }

 private:
  ReceivePool clients_;
  ReceivePool upstreams_;
  EpollIo io_;
};

// 0: not switched off; 1: only for the privileged; 2: for everybody (kernel 6.6).
int disabled_by_sysctl() {
  const int fd = ::open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char digit = '0';
  const ssize_t size = ::read(fd, &digit, 1);
  ::close(fd);
  return size == 1 ? digit - '0' : 0;
}

bool knows_requests(io_uring& ring) {
  constexpr std::array<int, 8> kNeeded = {IORING_OP_ACCEPT,
                                          IORING_OP_CONNECT,
                                          IORING_OP_RECV,
                                          IORING_OP_SEND,
                                          IORING_OP_SENDMSG,
                                          IORING_OP_ASYNC_CANCEL,
                                          IORING_OP_CLOSE,
                                          IORING_OP_POLL_ADD};
  io_uring_probe* probe = io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return false;
  bool all = true;
  for (const int code : kNeeded) all = all && io_uring_opcode_supported(probe, code) != 0;
  io_uring_free_probe(probe);
  return all;
}

// Carries one request through a throw-away ring; 0, or the errno of the first refusal. Each of the
// three system calls may be refused on its own.
int try_ring() {
  UringRing ring;
  if (const int error = ring.open({.sq_entries = 8, .cq_entries = 32}); error != 0) return error;
  BufferRing pool({.buffer_bytes = 64, .initial = 2, .cap = 2});
  const int attached = pool.attach(ring.raw(), 0);
  pool.detach();
  if (attached != 0) return attached;
  if (!knows_requests(ring.raw())) return EINVAL;
  if (const int error = ring.enable(); error != 0) return error;
  io_uring_sqe* sqe = ring.next_sqe();
  io_uring_prep_nop(sqe);
  const int submitted = io_uring_submit_and_wait(&ring.raw(), 1);
  if (submitted < 0) return -submitted;
  return ring.completed() ? 0 : EIO;
}

}  // namespace

std::string explain_uring_refusal(int os_errno) {
  switch (os_errno) {
    case EPERM:
    case EACCES:
      if (disabled_by_sysctl() != 0) {
        return std::string(
                   "io_uring is switched off on this host: sysctl kernel.io_uring_disabled=0, ") +
               kInstead;
      }
      return std::string(
                 "io_uring is forbidden, probably by a seccomp profile (the default one of "
                 "container "
                 "runtimes): allow io_uring_setup, io_uring_enter and io_uring_register, ") +
             kInstead;
    case ENOSYS:
      return std::string(
                 "io_uring is unknown here (a kernel without it, or a seccomp profile that says "
                 "so): "
                 "run on kernel 6.1 or later, allow its system calls, ") +
             kInstead;
    case ENOMEM:
      return std::string(
                 "io_uring found too little lockable memory: raise ulimit -l (LimitMEMLOCK=), ") +
             kInstead;
    case EMFILE:
    case ENFILE:
      return std::string("no descriptor is left for io_uring: raise ulimit -n (LimitNOFILE=), ") +
             kInstead;
    case EINVAL:
      return std::string("this kernel lacks parts of io_uring that 6.1 has: update it, ") +
             kInstead;
    default:
      return std::string("io_uring failed: ") + std::strerror(os_errno) + "; " + kInstead;
  }
}

std::string explain_old_kernel(const char* release) {
  char* rest = nullptr;
  const unsigned long major = std::strtoul(release, &rest, 10);
  const unsigned long minor = *rest == '.' ? std::strtoul(rest + 1, nullptr, 10) : 0;
  if (major > uring::kKernelMajor) return {};
  if (major == uring::kKernelMajor && minor >= uring::kKernelMinor) return {};
  return std::string("kernel ") + release +
         " is older than 6.1, which io_uring needs here: update it, " + kInstead;
}

BackendChoice probe_uring() {
  utsname host{};
  ::uname(&host);
  if (std::string old = explain_old_kernel(host.release); !old.empty()) {
    return {.uring = false, .usable = false, .reason = std::move(old)};
  }
  if (const int error = try_ring(); error != 0) {
    return {.uring = false, .usable = false, .reason = explain_uring_refusal(error)};
  }
  return {.uring = true,
          .usable = true,
          .reason = std::string("kernel ") + host.release + " offers io_uring"};
}

BackendChoice choose_backend(BackendWish wish) {
  if (wish == BackendWish::epoll) return {.uring = false, .usable = true, .reason = "configured"};
  BackendChoice choice = probe_uring();
  if (wish == BackendWish::automatic) choice.usable = true;
  return choice;
}

std::unique_ptr<IoBundle> make_io(const IoOptions& options, std::string& complaint) {
  bool uring = options.wish == BackendWish::io_uring;
  if (!options.probed) {
    const BackendChoice choice = choose_backend(options.wish);
    if (!choice.usable) {
      complaint = choice.reason;
      return nullptr;
    }
    uring = choice.uring;
  }
  if (!uring) return std::make_unique<EpollBundle>(options);
  auto bundle = std::make_unique<UringBundle>(options);
  if (const int error = bundle->open(options); error != 0) {
    complaint = explain_uring_refusal(error);
    return nullptr;
  }
  return bundle;
}

}  // namespace headrace::io
