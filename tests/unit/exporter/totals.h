// For tests of what records add up to: names for their ids, records that name them, and a scrape
// read back.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "base/error.h"
#include "exporter/dictionary.h"
#include "exporter/prometheus.h"
#include "exposition_check.h"
#include "headrace/record.h"
#include "records.h"

namespace headrace::exporter_test {

// Epoch 1: two routes, three targets, two keys.
inline exporter::Names some_names() {
  exporter::Names names;
  names.learn({.epoch = 1,
               .routes = {"fast", "smart"},
               .targets = {"openai", "groq", "azure"},
               .providers = {},
               .keys = {"alice", "bob"}});
  return names;
}

inline Record failed(Record record,
                     base::Errc error,
                     base::Blame blame,
                     std::uint16_t upstream_status = 0) {
  record.error = static_cast<std::uint8_t>(error);
  record.blame = static_cast<std::uint8_t>(blame);
  record.upstream_status = upstream_status;
  return record;
}

inline Record with_tokens(Record record,
                          std::initializer_list<std::pair<TokenClass, std::uint32_t>> counts) {
  for (const auto& [which, count] : counts) record.tokens[static_cast<std::size_t>(which)] = count;
  return record;
}

// A scrape; its faults are checked by the reader.
template <typename Totals>
ExpositionCheck scrape(const Totals& totals,
                       const exporter::Names& names,
                       exporter::Format format = exporter::Format::prometheus) {
  exporter::Exposition out(format);
  totals.render(out, names);
  return ExpositionCheck(out.finish(), format == exporter::Format::openmetrics);
}

}  // namespace headrace::exporter_test
