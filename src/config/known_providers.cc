#include "config/known_providers.h"

#include <array>

namespace headrace::config {
namespace {

constexpr std::array<KnownProvider, 15> kProviders = {{
    {.name = "openai",
     .base_url = "https://api.openai.com/v1",
     .dialect = "openai",
     .key_variable = "OPENAI_API_KEY",
     .base_variable = "OPENAI_BASE_URL",
     .models = "gpt-*|chatgpt-*|o1*|o3*|o4*|codex-*|text-embedding-*|ft:*",
     .has_others = true},
    {.name = "anthropic",
     .base_url = "https://api.anthropic.com/v1",
     .dialect = "anthropic",
     .key_variable = "ANTHROPIC_API_KEY",
     .base_variable = "ANTHROPIC_BASE_URL",
     .models = "claude-*"},
    {.name = "google",
     .base_url = "https://generativelanguage.googleapis.com/v1beta/openai",
     .dialect = "openai",
     .key_variable = "GEMINI_API_KEY",
     .models = "gemini-*|gemma-*",
     .ignores_cancel = true},
    {.name = "mistral",
     .base_url = "https://api.mistral.ai/v1",
     .dialect = "openai",
     .key_variable = "MISTRAL_API_KEY",
     .models = "mistral-*|ministral-*|magistral-*|codestral-*|devstral-*|pixtral-*|open-mi*",
     .ignores_cancel = true},
    {.name = "deepseek",
     .base_url = "https://api.deepseek.com",
     .dialect = "openai",
     .key_variable = "DEEPSEEK_API_KEY",
     .models = "deepseek-chat|deepseek-reasoner|deepseek-v*"},
    {.name = "xai",
     .base_url = "https://api.x.ai/v1",
     .dialect = "openai",
     .key_variable = "XAI_API_KEY",
     .models = "grok-*"},
    {.name = "groq",
     .base_url = "https://api.groq.com/openai/v1",
     .dialect = "openai",
     .key_variable = "GROQ_API_KEY",
     .models = "groq/*|llama-*-versatile|llama-*-instant|openai/gpt-oss-*|meta-llama/*|qwen/*|"
               "moonshotai/*",
     .ignores_cancel = true},
    {.name = "cerebras",
     .base_url = "https://api.cerebras.ai/v1",
     .dialect = "openai",
     .key_variable = "CEREBRAS_API_KEY",
     .models = "gpt-oss-120b|llama-3.3-70b|llama3.1-8b|qwen-3-*|zai-glm-*"},
    {.name = "fireworks",
     .base_url = "https://api.fireworks.ai/inference/v1",
     .dialect = "openai",
     .key_variable = "FIREWORKS_API_KEY",
     .models = "accounts/fireworks/*"},
    {.name = "together",
     .base_url = "https://api.together.xyz/v1",
     .dialect = "openai",
     .key_variable = "TOGETHER_API_KEY",
     .models = "meta-llama/*|deepseek-ai/*|Qwen/*|moonshotai/*|zai-org/*|MiniMaxAI/*|"
               "openai/gpt-oss-*"},
    {.name = "perplexity",
     .base_url = "https://api.perplexity.ai",
     .dialect = "openai",
     .key_variable = "PERPLEXITY_API_KEY",
     .models = "sonar|sonar-*",
     .ignores_cancel = true},
    {.name = "moonshot",
     .base_url = "https://api.moonshot.ai/v1",
     .dialect = "openai",
     .key_variable = "MOONSHOT_API_KEY",
     .models = "kimi-*|moonshot-*"},
    {.name = "zai",
     .base_url = "https://api.z.ai/api/paas/v4",
     .dialect = "openai",
     .key_variable = "ZHIPU_API_KEY",
     .models = "glm-*"},
    {.name = "dashscope",
     .base_url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
     .dialect = "openai",
     .key_variable = "DASHSCOPE_API_KEY",
     .models = "qwen-*|qwen3*|qwq-*|qvq-*"},
    {.name = "openrouter",
     .base_url = "https://openrouter.ai/api/v1",
     .dialect = "openai",
     .key_variable = "OPENROUTER_API_KEY",
     .models = "*/*",
     .has_others = true},
}};

std::string_view host_of(std::string_view base_url) {
  base_url.remove_prefix(base_url.find("://") + 3);
  return base_url.substr(0, base_url.find('/'));
}

}  // namespace

std::span<const KnownProvider> known_providers() {
  return kProviders;
}

bool ignores_cancel(std::string_view host) {
  // Google's Vertex AI and Amazon's Bedrock have hosts for each region, which no entry names.
  const auto within = [host](std::string_view service, std::string_view domain) {
    return host.ends_with(domain) && host.find(service) != std::string_view::npos;
  };
  const KnownProvider* known = known_provider_at(host);
  return (known != nullptr && known->ignores_cancel) || within("aiplatform", ".googleapis.com") ||
         within("bedrock", ".amazonaws.com") || within("bedrock", ".amazonaws.com.cn") ||
         within("bedrock", ".api.aws");
}

const KnownProvider* known_provider_at(std::string_view host) {
  for (const KnownProvider& each : kProviders) {
    if (host_of(each.base_url) == host) return &each;
  }
  return nullptr;
}

}  // namespace headrace::config
