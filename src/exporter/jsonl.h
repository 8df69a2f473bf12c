// Jsonl: the audit file. One line of JSON for each request with every attempt, refused ones too, in
// whole lines or not at all: a write that the disk cut short is undone and tried again. Rotated by
// size and age: PATH becomes PATH.1, PATH.1 becomes PATH.2, and what is beyond `keep` goes. A lock
// on the file keeps a second process from writing to it.
//
// What survives: a line is in the kernel's page cache before its records leave the ring, so the
// process may die at any moment. For power loss there is no promise beyond the kernel's own
// write-back (some 30 s): only a rotation and an orderly end wait for the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "config/snapshot.h"
#include "exporter/json_text.h"
#include "exporter/sink.h"

namespace headrace::exporter {

class Jsonl : public Sink {
 public:
  // Since 1970; a test's own.
  using Clock = std::uint64_t (*)();
  static std::uint64_t wall_clock();

  // Opens or makes the file and cuts a line that was torn at its end. Nothing on failure, and then
  // `fault` says why.
  static std::unique_ptr<Jsonl> open(const config::AuditOptions& options,
                                     std::string& fault,
                                     Clock clock = &Jsonl::wall_clock);
  Jsonl(const Jsonl&) = delete;
  Jsonl& operator=(const Jsonl&) = delete;
  ~Jsonl() override;

  void write(const Entry& entry) override;
  bool flush() override;
  bool full() const override;
  void discard() override;
  void render(Exposition& out) const override;

  std::uint64_t lines() const { return lines_; }
  std::uint64_t lost() const { return lost_; }
  // Name of a rotated file, 1 being the last.
  static std::string rotated_name(const std::string& path, std::size_t number);

 private:
  Jsonl(const config::AuditOptions& options, Clock clock) : options_(options), clock_(clock) {}

  bool open_file(std::string& fault);
  bool cut_torn_line();
  bool rotation_due() const;
  bool rotate();
  bool move_up() const;
  bool fail(const char* what);

  const config::AuditOptions options_;
  Clock clock_;
  int fd_ = -1;
  std::uint64_t size_ = 0;      // of whole lines in the file
  std::uint64_t begun_at_ = 0;  // when the file was
  std::string waiting_;         // lines that are not in it yet
  JsonText text_;               // scratch of a line
  std::uint64_t waiting_lines_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t failures_ = 0;
  bool failing_ = false;
};

}  // namespace headrace::exporter
