// Goal: a slot tells what was put in, cut where it must be, and never reads beyond itself. Method:
// texts around the bounds, and lengths that lie.
#include "telemetry/text_slot.h"

#include <doctest/doctest.h>

#include <string>

using namespace headrace;
using namespace headrace::telemetry;

TEST_CASE("a slot carries model and request id, and the identity of its record") {
  Record attempt;
  attempt.kind = RecordKind::attempt;
  attempt.worker = 3;
  attempt.epoch = 9;
  attempt.attempt = 1;
  attempt.request_id[15] = 42;
  const Record in_ring = as_record(text_slot(attempt, "gpt-5.1", "req_abc"));
  CHECK(in_ring.kind == RecordKind::text);
  CHECK(in_ring.worker == 3);
  CHECK(in_ring.epoch == 9);
  CHECK(in_ring.request_id[15] == 42);
  const TextRecord slot = as_text(in_ring);
  CHECK(slot.attempt == 1);
  CHECK(model_of(slot) == "gpt-5.1");
  CHECK(provider_id_of(slot) == "req_abc");
  CHECK(text_slot(Record{}, {}, {}).attempt == kNoAttempt);
  CHECK(model_of(text_slot(Record{}, {}, {})).empty());
}

TEST_CASE("long texts are cut at a character") {
  const std::string model(kTextModelBytes - 1, 'm');
  const TextRecord slot = text_slot(Record{}, model + "\xC3\xA9", std::string(400, 'i'));
  CHECK(model_of(slot) == model);
  CHECK(provider_id_of(slot) == std::string(kTextBytes - model.size(), 'i'));
  const std::string broken(kTextModelBytes + 10, '\x80');  // no character begins anywhere
  CHECK(model_of(text_slot(Record{}, broken, {})).size() >= kTextModelBytes - 4);
}

TEST_CASE("lengths that lie stay inside the slot") {
  TextRecord slot;
  slot.model_bytes = 255;
  slot.provider_id_bytes = 255;
  CHECK(model_of(slot).size() == kTextBytes);
  CHECK(provider_id_of(slot).empty());
  slot.model_bytes = 200;
  CHECK(provider_id_of(slot).size() == 20);
}
