// PriceSource: where the price table comes from: the file that the configuration names, or what was
// built in. Read at start and at every reload, by the control thread; as long as the text is the
// same, so is the table, which the configurations then share.
#pragma once

#include <memory>
#include <string>

#include "config/snapshot.h"
#include "meter/prices.h"

namespace headrace::server {

class PriceSource {
 public:
  // Null when the table cannot be had, or has no such provider as a `price_as` asks for, and then
  // `fault` says what is wrong.
  std::shared_ptr<const meter::PriceTable> load(const config::Snapshot& snapshot,
                                                std::string& fault);

 private:
  bool read(const std::string& path, std::string& fault);

  bool built_in_ = false;  // what table_ came from
  std::string text_;       // else this
  std::shared_ptr<const meter::PriceTable> table_;
};

}  // namespace headrace::server
