#include "config/print.h"

#include <string_view>

#include "config/from_environment.h"
#include "config/load.h"
#include "config/schema.h"
#include "config/units.h"

namespace headrace::config {
namespace {

// YAML's double quotes with the two escapes that text without control bytes needs; `${` must not be
// taken for an interpolation when the output is loaded again.
std::string yaml_text(std::string_view text) {
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' || text[i] == '\\') result += '\\';
    if (text.substr(i).starts_with("${")) result += '$';
    result += text[i];
  }
  return result + "\"";
}

bool needs_quotes(const Key& key) {
  switch (key.kind) {
    case Kind::mode:
    case Kind::text:
    case Kind::model:
    case Kind::address:
    case Kind::base_url:
    case Kind::proxy:
    case Kind::secret:
    case Kind::provider:
    case Kind::instant:
    case Kind::key_hash:
      return true;
    default:
      return false;
  }
}

// One line for each scalar key of a section; the first begins with `lead`, the others with its
// blanks.
void print_section(const Section& from, std::string lead, Place at, std::string& out) {
  for (const auto& key : from.keys) {
    if (key.slot == nullptr) continue;
    const std::string value = show(key, key.slot(at));
    out +=
        lead + std::string(key.name) + ": " + (needs_quotes(key) ? yaml_text(value) : value) + "\n";
    lead.assign(lead.size(), ' ');
  }
}

// Without the keys of a Unix socket's file where there is none: the reader refuses them there.
void print_listen(Listen& listen, std::string& out) {
  const bool unix_socket = listen.address.starts_with("unix:/");
  std::string lead = "  - ";
  Place at{.listen = &listen};
  for (const auto& key : section("listen[]").keys) {
    const bool of_a_file = key.name == "mode" || key.name == "group";
    if (key.slot == nullptr || (of_a_file && !unix_socket)) continue;
    const std::string value = show(key, key.slot(at));
    out +=
        lead + std::string(key.name) + ": " + (needs_quotes(key) ? yaml_text(value) : value) + "\n";
    lead = "    ";
  }
  if (!listen.tls_certificates.empty()) out += "    tls_certificates:\n";
  for (auto& each : listen.tls_certificates) {
    print_section(section("listen[].tls_certificates[]"), "      - ", {.certificate = &each}, out);
  }
}

// All but the one that the key `api_key` gave.
void print_credentials(Provider& provider, std::string& out) {
  bool first = true;
  for (auto& credential : provider.credentials) {
    const bool plain = &credential == provider.credentials.data() && !provider.api_key.empty();
    if (plain || credential.api_key.empty()) continue;
    if (first) out += "    api_keys:\n";
    first = false;
    print_section(
        section("providers.NAME.api_keys[]"), "      - ", {.credential = &credential}, out);
  }
}

void print_key(ClientKey& key, std::string& out) {
  out += "  " + yaml_text(key.name) + ":\n";
  print_section(section("keys.NAME"), "    ", {.key = &key}, out);
  if (!key.models.empty()) out += "    models:\n";
  for (const auto& model : key.models) out += "      - " + yaml_text(model) + "\n";
  if (!key.certificates.empty()) out += "    certificates:\n";
  for (const auto& each : key.certificates) out += "      - " + yaml_text(each) + "\n";
  if (!key.labels.empty()) out += "    labels:\n";
  for (const auto& label : key.labels) {
    out += "      " + yaml_text(label.name) + ": " + yaml_text(label.value) + "\n";
  }
}

std::string bounds_of(const Key& key) {
  std::string text;
  if (key.kind == Kind::choice || (key.kind == Kind::text && !key.words.empty())) {
    for (std::size_t i = 0; i < count_words(key.words); ++i) {
      text += (i == 0 ? "`" : ", `") + std::string(word_at(key.words, i)) + "`";
    }
    return text;
  }
  if (!key.words.empty()) text = "`" + std::string(key.words) + "`";
  if (key.most == 0) return text;
  if (!text.empty()) text += ", or ";
  const auto shown = [&](std::int64_t bound) {
    if (key.kind == Kind::duration) return format_duration(bound);
    if (key.kind == Kind::size) return format_size(static_cast<std::uint64_t>(bound));
    return std::to_string(bound);
  };
  return text + shown(key.least) + " to " + shown(key.most);
}

std::string_view type_name(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "number";
    case Kind::duration:
      return "time";
    case Kind::size:
      return "size";
    case Kind::mode:
      return "octal text";
    case Kind::text:
      return "text";
    case Kind::model:
      return "model";
    case Kind::choice:
      return "word";
    case Kind::address:
      return "address";
    case Kind::base_url:
    case Kind::proxy:
      return "URL";
    case Kind::secret:
      return "secret";
    case Kind::provider:
      return "provider name";
    case Kind::instant:
      return "date";
    case Kind::key_hash:
      return "hex digits";
    case Kind::credentials:
      return "list";
    case Kind::keys:
      return "map";
    case Kind::models:
    case Kind::certificates:
      return "list";
    case Kind::labels:
      return "map";
    case Kind::section:
      return "map";
    case Kind::listens:
      return "address or list";
    case Kind::providers:
      return "map";
    case Kind::routes:
    case Kind::tls_certificates:
      return "list";
    case Kind::targets:
      return "list";
  }
  return "";
}

// What holds when the key is absent, taken from the objects as they are born.
std::string default_of(const Key& key) {
  if (key.required) return "required";
  if (key.kind == Kind::listens) return "`127.0.0.1:8080`";
  if (key.slot == nullptr) return "";
  Snapshot snapshot = default_config();
  Listen listen;
  Provider provider;
  Route route;
  Target target;
  std::string target_provider;
  Credential credential;
  ClientKey client_key;
  TlsCertificate certificate;
  Place at{&snapshot,
           &listen,
           &provider,
           &route,
           &target,
           &target_provider,
           &credential,
           &client_key,
           &certificate};
  const std::string value = show(key, key.slot(at));
  return value.empty() ? "" : "`" + value + "`";
}

// The variable that overrides the key, where there is one.
std::string variable_of(const Section& from, const Key& key) {
  const std::string name(key.name);
  if (from.path.empty()) {
    return key.slot != nullptr || key.kind == Kind::listens ? "`" + variable_name(name) + "`" : "";
  }
  for (const std::string_view list : {"listen[]",
                                      "listen[].tls_certificates[]",
                                      "routes[].targets[]",
                                      "providers.NAME.api_keys[]",
                                      "keys.NAME"}) {
    if (from.path == list) return "";
  }
  if (key.slot == nullptr) return "";
  if (from.path == "routes[]") return "`" + variable_name("routes.N." + name) + "`";
  return "`" + variable_name(std::string(from.path) + "." + name) + "`";
}

std::string cell(std::string_view text) {
  std::string result(" ");
  for (const char c : text) result += c == '|' ? std::string("\\|") : std::string(1, c);
  return result + (text.empty() ? "|" : " |");
}

constexpr std::string_view kIntroduction = R"(# Configuration

Headrace reads one YAML file: the one named on the command line, else `./headrace.yaml`, else
`/etc/headrace/headrace.yaml`. Without any it serves the providers whose keys are in the environment
(see [below](#without-a-file)), and without those an embedded default: clients on
127.0.0.1:8080, one route `*` to a mock provider on 127.0.0.1:9001. `headrace check` tells every
fault of a file with its line; `headrace config print` shows what is in force without its secrets;
`headrace config docs` prints this page. A reload (SIGHUP) with a fault changes nothing.

```yaml
)";

constexpr std::string_view kRules = R"(```

## How values are written

- **Time**: a whole number and `us`, `ms`, `s`, `m` or `h`: `1500ms`, `25s`. A number without a
  unit is a fault.
- **Size**: bytes, or a whole number and `KiB`, `MiB` or `GiB` (powers of 1024).
- **Address**: `127.0.0.1:8080`, `"[::1]:8080"` (quoted, for YAML's sake), `localhost:8080`
  (always 127.0.0.1), `unix:/path/to.sock`, `unix:@abstract-name`. Other names are not looked up.
- Unknown keys and keys that stand twice are faults. Anchors, aliases and tags of YAML are not
  supported.
- A file has at most 1 MiB.

## Values from elsewhere

Inside any value of the file:

| Written | Stands for |
|---|---|
| `${NAME}` | The environment variable. It must be set and not empty. |
| `${NAME:-text}` | The same, or `text` (which may be empty). |
| `${file:/path}` | The content of a file (regular, at most 64 KiB) without its last line end. |
| `$${` | A plain `${`. |

What is put in is not looked at again. Quote such values: `api_key: "${OPENAI_API_KEY}"`. Faults
name the variable or the file, never what is in it.

## Environment overrides

A variable of the column *Environment* wins over the file; an empty one counts as absent. For a
provider, `NAME` is its name in capitals, with `_` for every other character; for a route, `N` is
its place in the list, from 0. Providers and routes are not created this way. `HEADRACE_LISTEN`
may hold several addresses with commas between them.

## Keys
)";

}  // namespace

std::string print_redacted(const Snapshot& snapshot) {
  Snapshot copy = snapshot;  // slots are not const
  std::string out;
  Place root{.snapshot = &copy};
  print_section(section(""), "", root, out);
  out += "listen:\n";
  for (auto& listen : copy.listen) print_listen(listen, out);
  for (const std::string_view name : {"io", "limits", "audit"}) {
    out += std::string(name) + ":\n";
    print_section(section(name), "  ", root, out);
  }
  out += "providers:\n";
  for (auto& provider : copy.providers) {
    out += "  " + yaml_text(provider.name) + ":\n";
    print_section(section("providers.NAME"), "    ", {.provider = &provider}, out);
    print_credentials(provider, out);
  }
  out += "routes:\n";
  for (auto& route : copy.routes) {
    print_section(section("routes[]"), "  - ", {.route = &route}, out);
    out += "    targets:\n";
    for (auto& target : route.targets) {
      std::string name = copy.providers[target.provider].name;
      print_section(section("routes[].targets[]"),
                    "      - ",
                    {.target = &target, .target_provider = &name},
                    out);
    }
  }
  if (!copy.keys.empty()) out += "keys:\n";
  for (auto& key : copy.keys) print_key(key, out);
  return out;
}

std::string docs_markdown() {
  std::string out(kIntroduction);
  out += default_text();
  out += kRules;
  for (const auto& each : sections()) {
    const std::string title = each.path.empty() ? "Top level" : "`" + std::string(each.path) + "`";
    out += "\n### " + title + "\n";
    if (!each.path.empty()) out += "\n" + std::string(each.help) + "\n";
    out +=
        "\n| Key | Type | Default | Bounds | Environment | What it does "
        "|\n|---|---|---|---|---|---|\n";
    for (const auto& key : each.keys) {
      out += "|" + cell("`" + std::string(key.name) + "`") + cell(type_name(key.kind)) +
             cell(default_of(key)) + cell(bounds_of(key)) + cell(variable_of(each, key)) +
             cell(key.help) + "\n";
    }
  }
  return out + known_variables_markdown();
}

}  // namespace headrace::config
