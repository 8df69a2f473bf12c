#include "config/from_environment.h"

#include <set>
#include <string_view>
#include <vector>

#include "config/known_providers.h"
#include "config/schema.h"

namespace headrace::config {
namespace {

bool is_set(const Environment& environment, std::string_view name) {
  const std::string* value = name.empty() ? nullptr : environment.find(name);
  return value != nullptr && !value->empty();
}

std::string reference(std::string_view variable) {
  return "${" + std::string(variable) + "}";
}

// Anthropic's own libraries put the version behind ANTHROPIC_BASE_URL; here it belongs to the URL.
std::string_view version_missing_in(const KnownProvider& known, std::string_view url) {
  if (known.dialect != "anthropic") return "";
  if (url.ends_with("/v1") || url.ends_with("/v1/")) return "";
  return url.ends_with('/') ? "v1" : "/v1";
}

std::string base_url_of(const KnownProvider& known, const Environment& environment) {
  if (!is_set(environment, known.base_variable)) return std::string(known.base_url);
  const std::string& url = *environment.find(known.base_variable);
  return reference(known.base_variable) + std::string(version_missing_in(known, url));
}

std::string provider_text(const KnownProvider& known, const Environment& environment) {
  std::string text = "  " + std::string(known.name) + ":\n";
  text += "    base_url: \"" + base_url_of(known, environment) + "\"\n";
  text += "    dialect: " + std::string(known.dialect) + "\n";
  text += "    api_key: \"" + reference(known.key_variable) + "\"\n";
  return text;
}

class Routes {
 public:
  void add(std::string_view model, const KnownProvider& known) {
    if (!taken_.emplace(model).second) return;
    text +=
        "  - {model: \"" + std::string(model) + "\", targets: [" + std::string(known.name) + "]}\n";
  }

  std::string text = "routes:\n";

 private:
  std::set<std::string, std::less<>> taken_;
};

}  // namespace

FoundProviders find_providers(const Environment& environment) {
  FoundProviders found;
  std::vector<const KnownProvider*> present;
  for (const KnownProvider& known : known_providers()) {
    if (is_set(environment, known.key_variable)) present.push_back(&known);
  }
  if (present.empty()) return found;
  Routes routes;
  found.text = "providers:\n";
  for (const KnownProvider* known : present) {
    found.text += provider_text(*known, environment);
    found.names += (found.names.empty() ? "" : ", ") + std::string(known->name) + " (" +
                   std::string(known->key_variable) + ")";
    for (std::size_t i = 0; i < count_words(known->models); ++i) {
      routes.add(word_at(known->models, i), *known);
    }
  }
  // Behind the patterns, which are taken in their order.
  for (const KnownProvider* known : present) {
    if (known->has_others || present.size() == 1) routes.add("*", *known);
  }
  found.text += routes.text;
  return found;
}

std::string known_variables_markdown() {
  std::string text =
      "\n## Without a file\n\n"
      "Where there is no file, providers come from the environment: each of these variables that "
      "is set and not empty brings its provider, with the models that are its own by name. What "
      "is nobody's by name goes to OpenAI, else to OpenRouter, else to the only provider there "
      "is. Clients connect to 127.0.0.1:8080. `headrace config print` shows the result.\n\n"
      "| Variable | Provider | Base URL | Models |\n|---|---|---|---|\n";
  for (const KnownProvider& known : known_providers()) {
    std::string models;
    for (std::size_t i = 0; i < count_words(known.models); ++i) {
      models += (i == 0 ? "`" : ", `") + std::string(word_at(known.models, i)) + "`";
    }
    text += "| `" + std::string(known.key_variable) + "` | `" + std::string(known.name) + "` | ";
    if (!known.base_variable.empty()) text += "`" + std::string(known.base_variable) + "`, else ";
    text += "`" + std::string(known.base_url) + "` | " + models + " |\n";
  }
  return text +
         "\nA pattern that several have goes to the first of them. `ANTHROPIC_BASE_URL` may end in "
         "`/v1` or not, as Anthropic's own libraries have it.\n";
}

}  // namespace headrace::config
