// The keys of a place to listen; a part of the table in schema.cc.
#pragma once

#include "config/schema.h"

namespace headrace::config {

inline constexpr Key kListenKeys[] = {
    {.name = "address",
     .kind = Kind::address,
     .slot = [](Place& at) -> Slot { return &at.listen->address; },
     .help = "`127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `unix:/path` or `unix:@abstract`.",
     .required = true},
    {.name = "mode",
     .kind = Kind::mode,
     .slot = [](Place& at) -> Slot { return &at.listen->mode; },
     .help = "File mode of a Unix socket."},
    {.name = "group",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.listen->group; },
     .help = "Group of a Unix socket's file, by name or number."},
    {.name = "half_close",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.listen->half_close; },
     .words = "cancel|ignore",
     .help = "What it means when a client ends its sending side while it waits: that it went away "
             "(`cancel`), or nothing (`ignore`)."},
    {.name = "http",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.listen->http; },
     .words = "auto|1.1",
     .help = "Which HTTP clients may speak. `auto`: HTTP/1.1, and HTTP/2 where a client asks for "
             "it: in TLS by ALPN, without TLS by beginning with it (h2c)."},
    {.name = "tls_certificates",
     .kind = Kind::tls_certificates,
     .help = "TLS, with these certificates: a list of maps (see `listen[].tls_certificates[]`). "
             "The one that bears the name a client asks for is shown. Read at start and at "
             "reload. Without: plain HTTP."},
    {.name = "client_ca_file",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.listen->client_ca_file; },
     .help = "TLS: clients must show a certificate, and this PEM file has the authorities that it "
             "may come from. `keys.NAME.certificates` says whose it is. Empty: none is asked for."},
};

inline constexpr Key kTlsCertificateKeys[] = {
    {.name = "certificate",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.certificate->certificate; },
     .help = "A PEM file with the certificate, and its chain behind it.",
     .required = true},
    {.name = "key",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.certificate->key; },
     .help = "A PEM file with its key, without a passphrase.",
     .required = true},
};

}  // namespace headrace::config
