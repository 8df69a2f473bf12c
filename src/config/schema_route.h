// The keys of a route and of its targets; a part of the table in schema.cc.
#pragma once

#include "base/time.h"
#include "config/schema.h"

namespace headrace::config {

inline constexpr Key kRouteKeys[] = {
    {.name = "model",
     .kind = Kind::model,
     .slot = [](Place& at) -> Slot { return &at.route->model; },
     .help = "The model a client asks for: exact, or a pattern in which `*` stands for anything.",
     .required = true},
    {.name = "targets",
     .kind = Kind::targets,
     .help = "Who answers: a list of provider names and of maps (see `routes[].targets[]`).",
     .required = true},
    {.name = "connect_timeout",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.route->connect_timeout; },
     .least = base::kMillisecond,
     .most = 300 * base::kSecond,
     .help = "To open a connection to a provider."},
    {.name = "first_token_timeout",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.route->first_token_timeout; },
     .least = 0,
     .most = 24 * 3600 * base::kSecond,
     .help =
         "From sending the request to the first useful event of its answer; `0s`: no such bound."},
    {.name = "idle_timeout",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.route->idle_timeout; },
     .least = base::kMillisecond,
     .most = 24 * 3600 * base::kSecond,
     .help = "The longest silence within an answer."},
    {.name = "total_timeout",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.route->total_timeout; },
     .least = base::kMillisecond,
     .most = 24 * 3600 * base::kSecond,
     .help = "The whole request, with every retry."},
    {.name = "attempts",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.route->attempts; },
     .least = 1,
     .most = 16,
     .help = "How often one request is tried at most, on all targets together."},
    {.name = "reasoning_is_useful",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.route->reasoning_is_useful; },
     .help = "Whether a piece of reasoning counts as the first useful event."},
};

inline constexpr Key kTargetKeys[] = {
    {.name = "provider",
     .kind = Kind::provider,
     .slot = [](Place& at) -> Slot { return at.target_provider; },
     .help = "A name from `providers`.",
     .required = true},
    {.name = "model",
     .kind = Kind::model,
     .slot = [](Place& at) -> Slot { return &at.target->model; },
     .help = "Sent to the provider instead of the client's model. Empty: the client's."},
    {.name = "priority",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.target->priority; },
     .least = 1,
     .most = 100,
     .words = "auto",
     .help = "Lower ones are asked first; equal ones share the requests by weight. `auto`: its "
             "place in the list, from 1."},
    {.name = "weight",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.target->weight; },
     .least = 1,
     .most = 1000,
     .help = "Its share among the targets of the same priority."},
};

}  // namespace headrace::config
