#include "proxy/gone_client.h"

#include "proxy/exchange.h"
#include "proxy/workshop.h"

namespace headrace::proxy {

void GoneClient::end_now() {
  exchange_.on_drain_end();
}

void GoneClient::begin(const api::AnswerHead&, io::Slice first) {
  thrown_away_ += first.size();
}

void GoneClient::body(io::Slice piece) {
  thrown_away_ += piece.size();
}

void GoneClient::on_exchange_end() {
  shop_.rest(*this);
}

}  // namespace headrace::proxy
