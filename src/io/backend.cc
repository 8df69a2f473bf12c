#include "io/backend.h"

#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "io/epoll_io.h"
#include "io/uring_io.h"

namespace headrace::io {
namespace {

ReceivePoolOptions pool_options(const IoOptions& options) {
  if (options.tiny) return {.buffer_bytes = 64, .initial = 2, .cap = 2};
  return {};
}

class UringBundle final : public IoBundle {
 public:
  explicit UringBundle(const IoOptions& options)
      : clients_(pool_options(options)), upstreams_(pool_options(options)) {}
  int open(const IoOptions& options) {
    UringOptions uring;
    uring.busy = options.busy;
    uring.ring.compat_61 = options.compat_61;
    if (options.tiny) {
      uring.ring.sq_entries = 8;
      uring.ring.cq_entries = 32;
    }
    auto made = UringIo::create(clients_, upstreams_, uring);
    if (!made) return made.error().os_errno;
    io_ = std::move(made.value());
    return 0;
  }
  Io& io() override { return *io_; }

 private:
  BufferRing clients_;
  BufferRing upstreams_;
  std::unique_ptr<UringIo> io_;
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

}  // namespace

BackendChoice probe_uring() {
  UringBundle bundle({});
  const int error = bundle.open({});
  if (error == 0) return {true, true, "the kernel offers it"};
  return {false, false, std::string("io_uring is refused: ") + std::strerror(error)};
}

BackendChoice choose_backend(BackendWish wish) {
  if (wish == BackendWish::epoll) return {false, true, "configured"};
  BackendChoice choice = probe_uring();
  if (choice.uring || wish == BackendWish::io_uring) return choice;
  choice.usable = true;
  return choice;
}

std::unique_ptr<IoBundle> make_io(const IoOptions& options, std::string& complaint) {
  const BackendChoice choice = choose_backend(options.wish);
  if (!choice.usable) {
    complaint = choice.reason;
    return nullptr;
  }
  if (!choice.uring) return std::make_unique<EpollBundle>(options);
  auto bundle = std::make_unique<UringBundle>(options);
  if (const int error = bundle->open(options); error != 0) {
    complaint = std::strerror(error);
    return nullptr;
  }
  return bundle;
}

}  // namespace headrace::io
