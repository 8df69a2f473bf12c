// One connection of a scripted provider that speaks HTTP/2: many requests at a time, each answered
// by its plan, over windows that the connection's manners open early, late or never; and what such
// a connection does of its own accord: settings that change, PINGs, GOAWAY, silence, an end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "h2_text.h"
#include "sim_provider.h"

namespace headrace::sim {

// What a connection is like; drawn when it comes about.
struct H2Manners {
  H2Terms terms;
  base::Nanos greets_after = 0;
  base::Nanos returns_after = 0;            // window
  std::uint32_t window_step = h2::kWindow;  // so much at a time; 0: never any
  bool answers_pings = true;
  double pings = 0;                    // before a piece of an answer
  double chatter = 0;                  // frames that mean nothing, likewise
  double new_terms = 0;                // behind an answer
  double goaways = 0;                  // likewise
  double ends = 0;                     // likewise
  std::uint64_t dies_at = UINT64_MAX;  // silent from that request on

  static H2Manners draw(base::Prng& dice);
};

class H2ProviderPeer final : public ProviderConn, private H2TextOwner {
 public:
  H2ProviderPeer(SimNet& net, Provider& provider);

  void check_end(Verdict& verdict) const override;

 private:
  // A request, and how far its answer is.
  struct Live {
    H2StreamText* text = nullptr;
    const RequestPlan* plan = nullptr;
    AnswerPlan answer;
    Serving* serving = nullptr;
    std::uint64_t played = 0;
    std::uint64_t until = 0;
    std::size_t next_pause = 0;
    bool to_the_end = false;
    bool done = false;
    bool gives = false;  // window, in a while
  };
  struct Ping {
    std::uint64_t sent_at;  // where its last byte stands
    std::uint64_t answered_at = 0;
  };

  bool talks() const {
    const bool silent = dead_ || left_ || in_breach_ || ended_by_script_;
    return !silent && !finished() && !saw_reset();
  }

  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_eof() override;
  void put(std::string_view bytes) override;
  void on_h2_head(H2StreamText& text) override;
  void on_h2_body(H2StreamText& text, std::uint64_t bytes) override;
  void on_h2_end(H2StreamText& text) override;
  void on_h2_reset(H2StreamText& text) override;
  void on_h2_room() override;
  void on_h2_ping(std::string_view payload) override;
  void on_h2_pong() override;

  void look_at(Live& live);
  void begin_answer(Live& live);
  void play(Live& live);
  void pump(Live& live);
  bool put_next(Live& live);
  void place(Live& live, std::uint64_t wire, std::uint64_t bytes);
  void end_answer(Live& live);
  void behind_answer();
  void say_goaway(std::uint32_t code);
  void say_breach();
  void give_later(Live& live);
  void chatter();
  void maybe_rest();
  void end(bool by_reset);

  Provider& provider_;
  base::Prng& dice_;
  H2Manners manners_;
  H2Text text_{H2Text::Role::server, *this};
  std::map<std::uint32_t, Live> lives_;
  std::uint64_t requests_ = 0;
  std::vector<Ping> pings_;
  std::uint64_t goaway_at_ = 0;  // where its last byte stands
  std::uint32_t goaway_last_ = h2::kMostStream;
  bool dead_ = false;  // it says nothing any more
  bool left_ = false;  // the gateway did
  bool ends_at_next_ = false;
  bool playing_ = false;
};

}  // namespace headrace::sim
