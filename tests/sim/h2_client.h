// A scripted client that speaks HTTP/2: a connection, and a stream for every request, each with its
// own patience, its own way of giving window, and its own end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "h2_text.h"
#include "sim_client.h"

namespace headrace::sim {

class H2ClientPeer final : public ClientPeer, private H2TextOwner {
 public:
  H2ClientPeer(SimNet& net, const ClientPlan& plan);

  const std::string& fault() const override { return text_.fault(); }
  std::vector<const Message*> answers() const override;
  bool begun(std::size_t request) const override { return asks_[request].text != nullptr; }
  bool left_request(std::size_t request) const override {
    return left_ || asks_[request].cancelled_at != 0;
  }
  bool cut(std::size_t request) const override;
  bool worker_gave_up(std::size_t request) const override;
  std::uint64_t turn_gave_up(std::size_t request) const override;
  std::uint64_t received_of(std::size_t request) const override;
  ClientPlan::Reading reading_of(std::size_t request) const override;
  std::uint64_t window_turn(std::size_t request, std::uint64_t bytes) const override;

  bool turned_away() const { return turned_away_; }
  // The gateway takes nothing more, and why.
  bool told_to_go() const { return goaway_; }
  std::uint32_t goaway_code() const { return goaway_code_; }
  // It said of this one that it was not looked at.
  bool was_refused(std::size_t request) const;

 private:
  struct Given {
    std::uint64_t at;  // where the frame's last byte stands
    std::uint64_t all;
  };
  // A request, and how far it is.
  struct Ask {
    H2StreamText* text = nullptr;
    std::uint64_t sent = 0;  // of the body
    std::size_t next_pause = 0;
    bool waits = false;
    bool continued = false;
    bool over = false;
    bool stalled = false;    // once it gave nothing for a while
    std::uint64_t owed = 0;  // window that it has not given back
    std::uint64_t cancelled_at = 0;
    std::vector<Given> given;
  };

  bool talks() const { return !left_ && !ended_ && !finished() && !saw_reset(); }

  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_eof() override;
  void put(std::string_view bytes) override;
  void on_h2_head(H2StreamText& text) override;
  void on_h2_interim(H2StreamText& text) override;
  void on_h2_body(H2StreamText& text, std::uint64_t bytes) override;
  void on_h2_end(H2StreamText& text) override;
  void on_h2_reset(H2StreamText& text) override;
  void on_h2_room() override;
  void on_h2_ping(std::string_view payload) override;
  void on_h2_goaway(std::uint32_t last, std::uint32_t code) override;

  std::size_t of(const H2StreamText& text) const {
    return (text.id - 1) / 2 < order_.size() ? order_[(text.id - 1) / 2] : 0;
  }
  void ask(std::size_t request);
  void send_body(std::size_t request);
  void give_back(std::size_t request, std::uint64_t bytes);
  void give_owed(std::size_t request);
  void maybe_cancel(std::size_t request);
  void maybe_leave();
  void end_ask(std::size_t request);
  void maybe_end();
  void read_slowly();

  H2Text text_{H2Text::Role::client, *this};
  std::vector<Ask> asks_;
  std::vector<std::size_t> order_;  // which request each stream is
  bool goaway_ = false;
  std::uint32_t goaway_last_ = h2::kMostStream;
  std::uint32_t goaway_code_ = 0;
  std::string first_;  // bytes that came
  bool turned_away_ = false;
  bool ended_ = false;
};

}  // namespace headrace::sim
