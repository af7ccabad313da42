#include "weights/fetch.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <system_error>

#include "base/error.h"
#include "weights/http_get.h"
#include "weights/sha256.h"

namespace vggroove::weights {
namespace {

constexpr std::array<const char*, 2> kNetworkUrls{
    "https://storage.googleapis.com/audioset/vggish_model.ckpt",
    "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"};
constexpr std::array<const char*, 2> kPcaUrls{
    "https://storage.googleapis.com/audioset/vggish_pca_params.npz",
    "https://github.com/harritaylor/torchvggish/releases/download/v0.1/"
    "vggish_pca_params-970ea276.pth"};

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ErrorClass::kIo,
                fmt::format("{}: cannot make this folder: {}", folder.string(), error.message()));
  }
}

// The last part of the URL's path: "vggish_model.ckpt".
std::string file_name(const std::string& url) {
  const std::string shown = printable_url(url);
  std::string name = shown.substr(shown.rfind('/') + 1);
  if (name.empty() || name.starts_with('.')) {
    throw Error(ErrorClass::kUsage, shown + ": the URL of a file is needed, not of a folder");
  }
  return name;
}

std::filesystem::path cached(const FetchRequest& request, const std::string& url,
                             std::string sha256) {
  const std::string name = file_name(url);
  std::filesystem::path path = request.cache_folder / name;
  if (sha256.empty()) {
    sha256 = hash_in_name(name);
  }
  if (std::filesystem::exists(path)) {
    if (sha256.empty() || sha256_of_file(path).starts_with(sha256)) {
      return path;
    }
    std::filesystem::remove(path);
  }
  DownloadRequest file;
  file.url = url;
  file.path = path;
  file.sha256 = sha256;
  file.allow_http = request.allow_http;
  file.max_attempts = request.max_attempts;
  file.first_pause = request.first_pause;
  if (request.on_progress) {
    file.on_progress = [&](const DownloadProgress& progress) {
      request.on_progress(name, progress);
    };
  }
  download(file);
  return path;
}

// From the URL that is given, else from the first of `urls` whose server has it.
std::filesystem::path cached_from_any(const FetchRequest& request, const std::string& given_url,
                                      std::span<const char* const> urls,
                                      const std::string& sha256) {
  if (!given_url.empty()) {
    return cached(request, given_url, sha256);
  }
  for (const char* url : urls.first(urls.size() - 1)) {
    try {
      return cached(request, url, sha256);
    } catch (const ServerError& error) {
      if (request.on_notice) {
        request.on_notice(fmt::format("{}; trying another server", error.what()));
      }
    }
  }
  return cached(request, urls.back(), sha256);
}

}  // namespace

ImportReport fetch_vggish(const FetchRequest& request, const std::filesystem::path& out) {
  make_folder(request.cache_folder);
  ImportRequest import;
  // The small file first: where nothing can be downloaded at all, that shows at once.
  import.pca_file = cached_from_any(request, request.pca_url, kPcaUrls, {});
  import.file = cached_from_any(request, request.network_url, kNetworkUrls, request.network_sha256);
  import.is_released = true;
  import.frontend = request.frontend;
  try {
    return import_model(import, out);
  } catch (const Error& error) {
    if (error.error_class() == ErrorClass::kIo) {
      throw;  // the disk's fault, not the download's
    }
    std::error_code left_behind_is_harmless;
    std::filesystem::remove(import.pca_file, left_behind_is_harmless);
    std::filesystem::remove(import.file, left_behind_is_harmless);
    throw Error(error.error_class(), fmt::format("{}; the downloads were deleted", error.what()));
  }
}

}  // namespace vggroove::weights
