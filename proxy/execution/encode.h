// Requests as the proxy writes them to shards: RESP arrays of bulk strings.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyway::proxy::execution {

// Appends "*<count>\r\n".
void AppendArrayHeader(size_t count, std::string* out);
// Appends "$<length>\r\n<bytes>\r\n".
void AppendBulk(std::string_view bytes, std::string* out);
// Appends all of a request.
void AppendRequest(std::span<const std::string_view> arguments, std::string* out);

// Of a request in the words of its client, which need not be as tidy as what is written here: its
// line ends are whatever Redis does not look at. The views are into `request`.
std::vector<std::string_view> ArgumentsOf(std::string_view request);

// `request` with another argument in the place of the one at `index`.
std::string WithArgument(std::string_view request, int index, std::string_view argument);

}  // namespace keyway::proxy::execution
