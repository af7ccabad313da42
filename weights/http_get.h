#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace vggroove::weights {

// What a server said before the body; of the last answer where it redirected.
struct HttpResponse {
  int status = 0;
  std::string validator;  // a strong entity tag, else the date of the last change; empty: neither
  std::optional<std::uint64_t> first_byte;   // of the body in the file, where the answer is a part
  std::optional<std::uint64_t> total_bytes;  // of the whole file
};

struct HttpRequest {
  std::string url;
  bool allow_http = false;  // otherwise https only, but for servers on this machine
  std::uint64_t first_byte =
      0;  // > 0: the file from there on, if it is still the one of `validator`
  std::string validator;
  // Both may throw; http_get() stops the transfer then and throws the same.
  std::function<bool(const HttpResponse&)> on_response;     // once; whether the body is wanted
  std::function<void(std::span<const std::byte>)> on_body;  // the body, piece by piece
};

// How a transfer ended that nobody stopped.
struct HttpOutcome {
  bool is_complete = false;  // the server answered (whatever the status); the body is complete
  bool may_succeed_later = false;
  std::string reason;  // why it is not complete, in libcurl's words
};

// One GET through libcurl, which is loaded on first use: linking it would add 4.6 ms to every start
// of the program. Honours the usual environment (https_proxy, no_proxy, CURL_CA_BUNDLE, ...).
// Throws Error: kUnsupported where libcurl is not installed, kUsage for a URL that is none or not
// allowed.
HttpOutcome http_get(const HttpRequest& request);

// The URL for messages and logs: without user, password and query, which may hold secrets.
// Throws as http_get does.
std::string printable_url(const std::string& url);

}  // namespace vggroove::weights
