// The texts of one answer in one dialect: the interface that every dialect of the mock fills in. A
// stream is begin(), piece() for each piece of the plan, end(); a plain answer is plain_body().
// Owned by the Answer, which outlives it together with request, shape and plan. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "call.h"
#include "error.h"
#include "plan.h"
#include "shape.h"
#include "usage.h"

namespace headrace::mock {

// Where events of a stream go, each with its blank line.
class EventSink {
 public:
  virtual void event(std::string_view text) = 0;

 protected:
  ~EventSink() = default;
};

// What a plain answer says.
struct Whole {
  std::string thought;
  std::string text;
  std::vector<std::string> arguments;  // of each call

  void add(const Piece& piece);
};

// What an answer is made from. The number is the mock's own, different for every answer.
struct Order {
  const CallRequest& request;
  const Shape& shape;
  const Plan& plan;
  std::uint64_t number;
  std::uint64_t created;  // seconds since 1970
};

class Texts {
 public:
  Texts(const Order& order, std::string_view id_prefix);
  Texts(const Texts&) = delete;
  Texts& operator=(const Texts&) = delete;
  virtual ~Texts() = default;

  const std::string& id() const { return id_; }
  // `req_mock...`
  std::string request_id() const;
  // A name for one of the things in the answer, with this prefix.
  std::string part_id(std::string_view prefix, std::size_t part) const;

  // What comes before the first piece, and is of no use to a client yet.
  virtual void begin(EventSink& sink) = 0;
  virtual void piece(const Piece& piece, EventSink& sink) = 0;
  // Whatever ends a whole answer: finish reason, usage, end marker.
  virtual void end(EventSink& sink) = 0;
  virtual std::string plain_body(const Whole& whole) const = 0;

  virtual void keep_alive(EventSink& sink) { sink.event(": keep-alive\n\n"); }
  virtual void error(const ErrorWords& words, EventSink& sink);

 protected:
  const Order& order() const { return order_; }
  const CallRequest& request() const { return order_.request; }
  const Shape& shape() const { return order_.shape; }
  const Plan& plan() const { return order_.plan; }
  const std::string& model() const { return model_; }  // as in JSON
  Counts counts(std::uint64_t pieces) const;

 private:
  Order order_;
  std::string id_;
  std::string model_;
};

std::unique_ptr<Texts> make_texts(const Order& order);

// A word of the mock's vocabulary, blank included.
std::string_view draw_word(base::Prng& random);

}  // namespace headrace::mock
