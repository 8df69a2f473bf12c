// The keys of a provider and of its credentials; a part of the table in schema.cc.
#pragma once

#include "base/limits.h"
#include "config/schema.h"

namespace headrace::config {

inline constexpr Key kProviderKeys[] = {
    {.name = "base_url",
     .kind = Kind::base_url,
     .slot = [](Place& at) -> Slot { return &at.provider->base_url; },
     .help =
         "`https://host[:port][/path]`, `http://`, or `http+unix://%2Frun%2Fx.sock[/path]` for a "
         "Unix socket; the API's paths are appended. No user, query or fragment.",
     .required = true},
    {.name = "dialect",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.provider->dialect; },
     .words = "openai|anthropic",
     .help = "The API that the provider speaks."},
    {.name = "api_key",
     .kind = Kind::secret,
     .slot = [](Place& at) -> Slot { return &at.provider->api_key; },
     .help = "Sent to this provider only, never logged. Best `\"${NAME}\"` or `\"${file:/path}\"`. "
             "Empty: "
             "none. Over plain http to loopback or a `private` provider only."},
    {.name = "api_keys",
     .kind = Kind::credentials,
     .help = "More of them, which share the requests: a list of secrets and of maps (see "
             "`providers.NAME.api_keys[]`)."},
    {.name = "client_key",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.provider->takes_client_key; },
     .help = "A key that a client brought (`access: bring`) is sent to this provider, in place of "
             "ours, and to no other."},
    {.name = "trace",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.provider->traces; },
     .help = "Whether the provider is told the W3C trace of a request (`traceparent`, with a span "
             "of ours for each attempt). It is somebody else's, so this is off unless asked for."},
    {.name = "http",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.provider->http; },
     .words = "auto|1.1|2|h2c",
     .help =
         "Which HTTP is spoken. `auto`: over https 2 or 1.1, whichever the server chooses (ALPN), "
         "over http 1.1; `2`: over https 2 or nothing; `h2c`: HTTP/2 without TLS to a server "
         "that expects it."},
    {.name = "warm_min",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.provider->warm_min; },
     .least = 0,
     .most = base::limits::kWarmMost,
     .help = "How many spare connections each worker keeps ready beside those in use, so that no "
             "request waits for a handshake; dialled at start, replaced before they grow too old. "
             "Without this key 1 over https and h2c."},
    {.name = "on_disconnect",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.provider->on_disconnect; },
     .words = "auto|cancel|drain",
     .help =
         "What becomes of an answer whose client goes: it is cancelled, or (`drain`) read to its "
         "end without one, because the provider charges for all of it and says only there for "
         "how much. `auto`: `drain` at hosts that are known not to honour a cancel "
         "(docs/clients-that-leave.md), else `cancel`."},
    {.name = "stream_usage",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.provider->reports_usage; },
     .help = "Whether streams are asked for their usage (`stream_options.include_usage`). `false` "
             "for a provider that refuses the field; its streams are then metered by estimate."},
    {.name = "proxy",
     .kind = Kind::proxy,
     .slot = [](Place& at) -> Slot { return &at.provider->proxy; },
     .words = "none",
     .help = "The forward proxy on the way to this provider: `http://[user:password@]host[:port]`; "
             "`none`: none, whatever the environment says. Without this key `HTTPS_PROXY`, "
             "`HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` decide (docs/egress.md)."},
    {.name = "ca_file",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.provider->ca_file; },
     .help = "https: a PEM file of the authorities that its certificate may come from. Empty: "
             "`SSL_CERT_FILE` of the environment, else `/etc/ssl/certs/ca-certificates.crt`. Read "
             "at start and at reload."},
    {.name = "tls_certificate",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.provider->tls_certificate; },
     .help = "https: a PEM file with the certificate that we show, and its chain. Empty: none."},
    {.name = "tls_key",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.provider->tls_key; },
     .help = "A PEM file with the key of `tls_certificate`, without a passphrase."},
    {.name = "private",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.provider->is_private; },
     .help = "The network to this provider is trusted: an API key may cross it without TLS."},
    {.name = "price_as",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.provider->price_as; },
     .help = "Which provider of the price table it charges like, or `none`. Empty: the one of the "
             "same name, else the one at the same host."},
};

inline constexpr Key kCredentialKeys[] = {
    {.name = "name",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.credential->name; },
     .help = "What metrics and logs call it. Without one: `key1` for the first of the list, and so "
             "on."},
    {.name = "api_key",
     .kind = Kind::secret,
     .slot = [](Place& at) -> Slot { return &at.credential->api_key; },
     .help = "As `providers.NAME.api_key`.",
     .required = true},
    {.name = "weight",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.credential->weight; },
     .least = 1,
     .most = 1000,
     .help = "Its share of the requests, against the other weights."},
};

}  // namespace headrace::config
