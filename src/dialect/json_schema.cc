#include "dialect/json_schema.h"

#include <algorithm>
#include <array>

namespace headrace::dialect {
namespace {

using api::JsonBuilder;
using base::Bytes;
using json::Type;
using json::Value;

// Keywords that structured output refuses.
constexpr std::array<Bytes, 17> kRefused = {"minimum",
                                            "maximum",
                                            "exclusiveMinimum",
                                            "exclusiveMaximum",
                                            "multipleOf",
                                            "minLength",
                                            "maxLength",
                                            "pattern",
                                            "maxItems",
                                            "uniqueItems",
                                            "contains",
                                            "minContains",
                                            "maxContains",
                                            "minProperties",
                                            "maxProperties",
                                            "patternProperties",
                                            "propertyNames"};
// Keywords whose members are schemas under names of the author's.
constexpr std::array<Bytes, 4> kNamed = {"properties", "$defs", "definitions", "dependentSchemas"};
// Keywords whose value is a schema or a list of schemas; everything else is data.
constexpr std::array<Bytes, 10> kNested = {
    "items", "prefixItems", "anyOf", "oneOf", "allOf", "not", "if", "then", "else", "contains"};
constexpr Bytes kClosed = "additionalProperties";
constexpr std::size_t kStrictPropertiesMax = 256;

template <std::size_t Count>
bool is_one_of(Value key, const std::array<Bytes, Count>& names) {
  return std::any_of(names.begin(), names.end(), [&](Bytes name) { return key.reads(name); });
}

bool is_object_schema(Value schema) {
  static constexpr std::array<Bytes, 2> kKeys = {"type", "properties"};
  const auto [type, properties] = json::pick<kKeys>(schema);
  if (properties.is(Type::object) || type.reads("object")) return true;
  json::Elements types(type);
  Value element;
  while (types.next(element)) {
    if (element.reads("object")) return true;
  }
  return false;
}

// Only 0 and 1 are understood.
bool is_refused_bound(Value key, Value value) {
  return key.reads("minItems") && value.raw() != "0" && value.raw() != "1";
}

void write_schemas(Value named, JsonBuilder& out) {
  out.raw('{');
  json::Members walk(named);
  Value key;
  Value value;
  while (walk.next(key, value)) {
    out.comma();
    out.raw(key.raw());
    out.raw(':');
    write_closed_schema(value, out);
  }
  out.raw('}');
}

void write_list(Value list, JsonBuilder& out) {
  out.raw('[');
  json::Elements walk(list);
  Value element;
  while (walk.next(element)) {
    out.comma();
    write_closed_schema(element, out);
  }
  out.raw(']');
}

void write_keyword(Value key, Value value, JsonBuilder& out) {
  out.comma();
  out.raw(key.raw());
  out.raw(':');
  if (is_one_of(key, kNamed) && value.is(Type::object)) return write_schemas(value, out);
  if (is_one_of(key, kNested)) return write_closed_schema(value, out);
  out.compact(value.raw());
}

// Every property is looked for among the required ones, so both are bounded; a larger object is
// sent without `strict`, which is always allowed.
bool requires_all(Value schema) {
  static constexpr std::array<Bytes, 2> kKeys = {"properties", "required"};
  const auto [properties, required] = json::pick<kKeys>(schema);
  json::Members walk(properties);
  Value key;
  Value value;
  for (std::size_t count = 0; walk.next(key, value); ++count) {
    if (count == kStrictPropertiesMax) return false;
    json::Elements names(required);
    Value name;
    bool listed = false;
    for (std::size_t i = 0; i < kStrictPropertiesMax && !listed && names.next(name); ++i) {
      listed = name.body() == key.body();
    }
    if (!listed) return false;
  }
  return true;
}

bool all_strict(Value group) {
  json::Members members(group);
  Value key;
  Value value;
  while (members.next(key, value)) {
    if (!is_strict_schema(value)) return false;
  }
  json::Elements elements(group);
  while (elements.next(value)) {
    if (!is_strict_schema(value)) return false;
  }
  return true;
}

}  // namespace

// Recursion is bounded by json::kDepth.
void write_closed_schema(Value schema, JsonBuilder& out) {
  if (schema.is(Type::array)) return write_list(schema, out);
  if (!schema.is(Type::object)) return out.compact(schema.raw());
  const bool closes = is_object_schema(schema);
  out.raw('{');
  json::Members walk(schema);
  Value key;
  Value value;
  while (walk.next(key, value)) {
    if (is_one_of(key, kRefused) || is_refused_bound(key, value)) continue;
    if (closes && key.reads(kClosed)) continue;
    write_keyword(key, value, out);
  }
  if (closes) {
    out.key(kClosed);
    out.raw("false");
  }
  out.raw('}');
}

bool is_strict_schema(Value schema) {
  if (!schema.is(Type::object)) return true;
  if (is_object_schema(schema)) {
    if (schema.member(kClosed).raw() != "false") return false;
    if (!requires_all(schema)) return false;
  }
  json::Members walk(schema);
  Value key;
  Value value;
  while (walk.next(key, value)) {
    if (is_one_of(key, kNamed) && !all_strict(value)) return false;
    if (!is_one_of(key, kNested)) continue;
    if (value.is(Type::array) ? !all_strict(value) : !is_strict_schema(value)) return false;
  }
  return true;
}

}  // namespace headrace::dialect
