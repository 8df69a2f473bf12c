// What runs without any file: the providers whose keys are in the environment, each with the models
// that are known to be its own. Written as the text of a configuration, so that it meets the same
// checks and can be shown; keys and URLs stand in it as `${NAME}` only.
#pragma once

#include <string>

#include "config/secrets.h"

namespace headrace::config {

struct FoundProviders {
  std::string text;   // of a configuration; empty: there is no key
  std::string names;  // "openai (OPENAI_API_KEY), groq (GROQ_API_KEY)"
};

FoundProviders find_providers(const Environment& environment);

// The table of variables in docs/configuration.md.
std::string known_variables_markdown();

}  // namespace headrace::config
