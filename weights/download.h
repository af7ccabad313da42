#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace vggroove::weights {

struct DownloadProgress {
  std::uint64_t received_bytes = 0;          // with those of earlier attempts
  std::optional<std::uint64_t> total_bytes;  // nothing: the server does not say
};

struct DownloadRequest {
  std::string url;
  std::filesystem::path path;  // where the complete file goes
  std::string sha256;          // what the file's SHA-256 begins with, in hexadecimal; empty: any
  std::optional<std::uint64_t> size_bytes;                   // nothing: any up to 2 GiB
  bool allow_http = false;                                   // http:// to other machines
  int max_attempts = 5;                                      // in a row that get no further
  std::chrono::milliseconds first_pause{1000};               // between attempts; doubles up to 30 s
  std::function<void(const DownloadProgress&)> on_progress;  // may be empty
};

// The server's or the network's fault: another server may help.
class ServerError : public Error {
 public:
  using Error::Error;
};

// Downloads a file. Until it is complete and checked it is called PATH.part; where that is there
// from an earlier call, only the rest is asked for (PATH.part.source says which version of which
// URL it is from). Transient failures are retried. What comes under PATH is complete and has the
// right hash. Throws ServerError (kNotFound: 404; kUnreadable: 401, 403; kIo) and Error: kCorrupt
// (size, hash), kIo (disk full, another process downloads the same file), kUsage, kUnsupported
// (http_get.h).
void download(const DownloadRequest& request);

// The digits of the hash in names such as vggish-10086976.pth, as torch.hub has them; empty: none.
std::string_view hash_in_name(std::string_view url);

}  // namespace vggroove::weights
