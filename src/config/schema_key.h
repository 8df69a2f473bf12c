// The keys of a key for clients; a part of the table in schema.cc.
#pragma once

#include "config/schema.h"

namespace headrace::config {

inline constexpr Key kClientKeyKeys[] = {
    {.name = "hash",
     .kind = Kind::key_hash,
     .slot = [](Place& at) -> Slot { return &at.key->hash; },
     .help = "HMAC-SHA256 of the key under `key_secret`: 64 hex digits, as `headrace key new` "
             "prints them. Empty: it goes by `certificates` alone."},
    {.name = "certificates",
     .kind = Kind::certificates,
     .help = "Certificates of clients that stand for this key (`listen[].client_ca_file`): a list "
             "of `sha256:FINGERPRINT`, `dns:NAME` and `uri:URI`, the latter two of the "
             "certificate's alternative names."},
    {.name = "models",
     .kind = Kind::models,
     .help = "The models it may ask for: exact, or patterns with `*`. Without: all."},
    {.name = "rpm",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.key->requests_per_minute; },
     .least = 1,
     .most = 100'000'000,
     .words = "unlimited",
     .help = "Requests a minute."},
    {.name = "tpm",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.key->tokens_per_minute; },
     .least = 1,
     .most = 2'000'000'000,
     .words = "unlimited",
     .help = "Tokens a minute, of questions and answers."},
    {.name = "concurrency",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.key->concurrency; },
     .least = 1,
     .most = 1'000'000,
     .words = "unlimited",
     .help = "Requests at the same time."},
    {.name = "expires",
     .kind = Kind::instant,
     .slot = [](Place& at) -> Slot { return &at.key->expires; },
     .words = "never",
     .help = "When it stops being good: `2030-01-31` (at its first moment), or "
             "`2030-01-31T18:00:00Z`."},
    {.name = "disabled",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.key->disabled; },
     .help = "Refused as if it did not exist."},
    {.name = "labels",
     .kind = Kind::labels,
     .help = "Words for reports, such as `{team: search}`; at most 16."},
};

}  // namespace headrace::config
