// Text as it stands inside a JSON string. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace headrace::mock {

void append_escaped(std::string& out, std::string_view text);
std::string json_escaped(std::string_view text);

}  // namespace headrace::mock
