#include "config/value.h"

#include <optional>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "config/base_url.h"
#include "config/egress.h"
#include "config/secrets.h"
#include "config/units.h"
#include "net/address.h"

namespace headrace::config {
namespace {

std::string shown_bound(const Key& key, std::int64_t bound) {
  if (key.kind == Kind::duration) return format_duration(bound);
  if (key.kind == Kind::size) return format_size(static_cast<std::uint64_t>(bound));
  return std::to_string(bound);
}

std::string check_bounds(const Key& key, std::int64_t number) {
  if (number >= key.least && number <= key.most) return {};
  return "is out of bounds; the least is " + shown_bound(key, key.least) + ", the most " +
         shown_bound(key, key.most);
}

// All numbers of the table fit 63 bits; the field is as wide as its bounds need.
void store_number(std::int64_t number, const Slot& slot) {
  std::visit(
      [&](auto* field) {
        using Field = std::remove_pointer_t<decltype(field)>;
        if constexpr (std::is_integral_v<Field> && !std::is_same_v<Field, bool>) {
          *field = static_cast<Field>(number);
        } else {
          HEADRACE_ASSERT(false && "the table binds a number to a field that is none");
        }
      },
      slot);
}

std::string& text_field(const Slot& slot) {
  auto* const* field = std::get_if<std::string*>(&slot);
  HEADRACE_ASSERT(field != nullptr);
  return **field;
}

std::string assign_number(const Key& key, const std::string& text, const Slot& slot) {
  if (!key.words.empty() && text == key.words) {
    store_number(0, slot);
    return {};
  }
  std::string advice;
  std::optional<std::int64_t> number;
  if (key.kind == Kind::duration) {
    number = parse_duration(text, &advice);
  } else if (key.kind == Kind::instant) {
    number = parse_instant(text, &advice);
  } else {
    const auto count = key.kind == Kind::size ? parse_size(text, &advice)
                       : key.kind == Kind::mode
                           ? std::optional<std::uint64_t>(parse_mode(text, &advice))
                           : base::parse_decimal(text);
    if (count && *count <= static_cast<std::uint64_t>(INT64_MAX)) {
      number = static_cast<std::int64_t>(*count);
    }
  }
  if (!number && advice.empty()) {
    advice = "is not a whole number";
    if (!key.words.empty()) advice += " nor \"" + std::string(key.words) + "\"";
  }
  if (!number) return advice;
  if (key.kind != Kind::mode && key.kind != Kind::instant) advice = check_bounds(key, *number);
  if (advice.empty()) store_number(*number, slot);
  return advice;
}

void store_word(std::string_view word, std::size_t index, const Slot& slot) {
  std::visit(
      [&](auto* field) {
        using Field = std::remove_pointer_t<decltype(field)>;
        if constexpr (std::is_enum_v<Field>) {
          *field = static_cast<Field>(index);
        } else if constexpr (std::is_same_v<Field, std::string>) {
          *field = word;
        } else {
          HEADRACE_ASSERT(false && "the table binds a word to a field that takes none");
        }
      },
      slot);
}

std::string assign_choice(const Key& key, const std::string& text, const Slot& slot) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < count_words(key.words); ++i) {
    words.push_back(word_at(key.words, i));
    if (words.back() != text) continue;
    store_word(words.back(), i, slot);
    return {};
  }
  const std::string advice = "is not one of " + list_words(key.words);
  return advice + did_you_mean(text, words);
}

std::string assign_boolean(const std::string& text, const Slot& slot) {
  auto* const* field = std::get_if<bool*>(&slot);
  HEADRACE_ASSERT(field != nullptr);
  if (text != "true" && text != "false") return "is neither true nor false";
  **field = text == "true";
  return {};
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

std::string assign_text(const Key& key, const std::string& text, const Slot& slot) {
  if (key.required && text.empty()) return "is empty; name one";
  if (has_control(text)) return "holds control characters";
  if (!key.words.empty() && !text.empty()) return assign_choice(key, text, slot);
  if (key.kind == Kind::model && text.size() > base::limits::kModelNameBytes) {
    return "is longer than " + std::to_string(base::limits::kModelNameBytes) + " bytes";
  }
  text_field(slot) = text;
  return {};
}

// Stored in one spelling, so that equal addresses are equal text.
std::string assign_address(const Key& key, const std::string& text, const Slot& slot) {
  if (!key.words.empty() && text == key.words) {
    text_field(slot).clear();
    return {};
  }
  std::string_view reason;
  const auto address = net::parse_address(text, &reason);
  if (!address) return "is no address to listen on: " + std::string(reason);
  text_field(slot) = net::format(address.value());
  return {};
}

std::string assign_secret(const Key& key, const std::string& text, const Slot& slot) {
  if (key.required && text.empty()) return "is empty; give a key, or remove it";
  if (text.size() > base::limits::kApiKeyBytes) {
    return "is longer than " + std::to_string(base::limits::kApiKeyBytes) + " bytes";
  }
  if (!text.empty() && !is_header_safe(text)) {
    return "holds a blank, a line end or another byte that no header field may carry; an API key "
           "is "
           "visible ASCII";
  }
  text_field(slot) = text;
  return {};
}

std::string assign_hash(const std::string& text, const Slot& slot) {
  constexpr std::size_t kDigits = 64;
  std::string& field = text_field(slot);
  field.clear();
  if (text.empty()) return {};  // it goes by certificates alone
  for (const char c : text) {
    if (base::hex_value(c) < 0) break;
    field += base::lower(c);
  }
  if (field.size() == kDigits && text.size() == kDigits) return {};
  field.clear();
  return "is no hash of a key, which is 64 hex digits; `headrace key new` prints one";
}

std::string assign_base_url(const std::string& text, const Slot& slot, Provider& provider) {
  std::string fault = split_base_url(text, provider);
  if (!fault.empty()) return "is no base URL: " + fault;
  text_field(slot) = text;
  return {};
}

std::string assign_proxy(const std::string& text, const Slot& slot, Provider& provider) {
  text_field(slot) = text;
  if (text.empty() || text == kNoProxy) return {};
  std::string fault = read_proxy(text, provider.egress);
  return fault.empty() ? fault : "is no proxy: " + fault;
}

}  // namespace

std::string assign(const Key& key, const std::string& text, Place& at) {
  HEADRACE_ASSERT(key.slot != nullptr);
  const Slot slot = key.slot(at);
  switch (key.kind) {
    case Kind::boolean:
      return assign_boolean(text, slot);
    case Kind::integer:
    case Kind::duration:
    case Kind::size:
    case Kind::mode:
    case Kind::instant:
      return assign_number(key, text, slot);
    case Kind::choice:
      return assign_choice(key, text, slot);
    case Kind::text:
    case Kind::model:
    case Kind::provider:
      return assign_text(key, text, slot);
    case Kind::address:
      return assign_address(key, text, slot);
    case Kind::secret:
      return assign_secret(key, text, slot);
    case Kind::key_hash:
      return assign_hash(text, slot);
    case Kind::base_url:
      return assign_base_url(text, slot, *at.provider);
    case Kind::proxy:
      return assign_proxy(text, slot, *at.provider);
    case Kind::section:
    case Kind::listens:
    case Kind::tls_certificates:
    case Kind::providers:
    case Kind::routes:
    case Kind::targets:
    case Kind::credentials:
    case Kind::keys:
    case Kind::models:
    case Kind::labels:
    case Kind::certificates:
      break;
  }
  HEADRACE_ASSERT(false && "a kind with structure has no slot");
  return {};
}

}  // namespace headrace::config
