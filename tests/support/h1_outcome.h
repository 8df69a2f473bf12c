// What the HTTP/1.1 parsers make of an input that comes in pieces, as one line of text: tests
// compare it with what they expect, tests and fuzz targets compare it between ways to cut the same
// input. Every piece is handed over in a block of its own, exactly as long as the bytes, so that a
// sanitizer sees a read past the end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/h1_body.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"

namespace headrace::test {

using base::Bytes;

class ExactCopy {
 public:
  explicit ExactCopy(Bytes bytes) : block_(new char[bytes.size()]), size_(bytes.size()) {
    if (size_ != 0) base::write_bytes(block_.get(), bytes);
  }
  Bytes bytes() const { return {block_.get(), size_}; }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t size_;
};

inline std::string framing_text(http::Framing framing, std::uint64_t length) {
  switch (framing) {
    case http::Framing::none:
      return "none";
    case http::Framing::length:
      return "length " + std::to_string(length);
    case http::Framing::chunked:
      return "chunked";
    case http::Framing::until_close:
      return "until_close";
  }
  return "?";
}

inline std::string fields_text(const http::Fields& fields, Bytes text) {
  std::string out = "[";
  for (std::size_t i = 0; i < fields.count(); ++i) {
    if (i != 0) out += "|";
    out.append(fields.name(i, text)).append("=").append(fields.value(i, text));
  }
  return out + "]";
}

// Feeds growing prefixes of `text`, as a receive buffer would grow; the last copy stays in `last`.
template <class Parser>
http::Parse feed(Parser& parser,
                 Bytes text,
                 const std::vector<std::size_t>& cuts,
                 std::unique_ptr<ExactCopy>& last) {
  http::Parse state = http::Parse::need_more;
  for (const std::size_t end : cuts) {
    last = std::make_unique<ExactCopy>(text.substr(0, end));
    state = parser.parse(last->bytes());
    if (state != http::Parse::need_more) break;
  }
  return state;
}

inline std::string request_outcome(Bytes text, const std::vector<std::size_t>& cuts) {
  http::H1RequestParser parser;
  std::unique_ptr<ExactCopy> last;
  const http::Parse state = feed(parser, text, cuts, last);
  if (state == http::Parse::need_more) return parser.started() ? "more" : "more, not started";
  if (state == http::Parse::failed) return "failed " + std::string(name_of(parser.error()));
  const Bytes seen = last->bytes();
  const http::RequestHead head = parser.head(seen);
  std::string out(head.method);
  out.append(" ").append(head.target).append(" path=").append(head.path);
  if (!head.query.empty()) out.append(" query=").append(head.query);
  out.append(" host=").append(head.host).append(" 1.").append(std::to_string(head.version_minor));
  out.append(head.keep_alive ? " keep" : " close");
  if (head.expect_continue) out += " expect";
  if (head.wants_upgrade) out += " upgrade";
  out.append(" ").append(framing_text(head.framing, head.content_length));
  out.append(" ").append(fields_text(parser.fields(), seen));
  return out.append(" left ").append(std::to_string(text.size() - parser.head_bytes()));
}

inline std::string response_outcome(Bytes text,
                                    const std::vector<std::size_t>& cuts,
                                    bool head_request = false) {
  http::H1ResponseParser parser;
  parser.reset(head_request);
  std::unique_ptr<ExactCopy> last;
  const http::Parse state = feed(parser, text, cuts, last);
  if (state == http::Parse::need_more) return "more";
  if (state == http::Parse::failed) return "failed " + std::string(name_of(parser.error()));
  const http::ResponseHead head = parser.head();
  std::string out = std::to_string(head.status) + " 1." + std::to_string(head.version_minor);
  out.append(head.keep_alive ? " keep " : " close ");
  out.append(framing_text(head.framing, head.content_length));
  out.append(" ").append(fields_text(parser.fields(), last->bytes()));
  return out.append(" left ").append(std::to_string(text.size() - parser.head_bytes()));
}

// Payload, how the body ended, and how many bytes of the input it left alone.
inline std::string body_outcome(http::Framing framing,
                                std::uint64_t length,
                                Bytes text,
                                const std::vector<std::size_t>& cuts) {
  http::H1Body body;
  body.start(framing, length);
  std::string payload;
  std::size_t taken = 0;
  std::size_t begin = 0;
  for (const std::size_t end : cuts) {
    const ExactCopy piece(text.substr(begin, end - begin));
    Bytes input = piece.bytes();
    begin = end;
    for (;;) {
      const http::H1Body::Step step = body.next(input);
      if (step.framing > input.size() || step.payload > input.size() - step.framing)
        return "outside";
      if (step.state == http::H1Body::State::failed) {
        return payload + " failed " + std::string(name_of(body.error()));
      }
      payload.append(input.substr(step.framing, step.payload));
      taken += step.framing + step.payload;
      input.remove_prefix(step.framing + step.payload);
      if (step.state == http::H1Body::State::done) {
        return payload + " done, left " + std::to_string(text.size() - taken);
      }
      if (step.state == http::H1Body::State::need_more) {
        if (!input.empty()) return "bytes left behind";
        break;
      }
    }
  }
  return payload + (body.finish_at_eof() ? " ended" : " more");
}

// An accepted request, written again with our own writer.
inline std::string rewritten_request(Bytes text, const http::H1RequestParser& parser) {
  const http::RequestHead head = parser.head(text);
  std::string out(text.size() + 64, '\0');
  http::H1Writer writer(out.data(), out.size());
  writer.request_line(head.method, head.target);
  for (std::size_t i = 0; i < parser.fields().count(); ++i) {
    writer.field(parser.fields().name(i, text), parser.fields().value(i, text));
  }
  writer.end_head();
  out.resize(writer.ok() ? writer.size() : 0);
  return out;
}

}  // namespace headrace::test
