#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "weights/download.h"
#include "weights/import/import_model.h"

namespace vggroove::weights {

struct FetchRequest {
  std::filesystem::path cache_folder;  // keeps the downloads; made where it is missing
  std::string network_url;             // empty: Google's release, else torchvggish's copy of it
  std::string pca_url;                 // the same for the PCA parameters
  std::string network_sha256;          // what the network's SHA-256 begins with; empty: see below
  bool allow_http = false;
  nlohmann::json frontend;  // the log-mel constants, for the metadata
  int max_attempts = 5;
  std::chrono::milliseconds first_pause{1000};
  // For a person who waits; either may be empty. `file` is what is being downloaded.
  std::function<void(const std::string& file, const DownloadProgress&)> on_progress;
  std::function<void(const std::string& message)> on_notice;
};

// Downloads the released VGGish with its PCA parameters and writes a model file of origin
// "released". A file that is in the cache folder already is not downloaded again.
//
// What says that a download is right: the hash that is given, or that its URL holds
// (vggish-10086976.pth); for Google's files, whose hashes are not published, the size that the
// server announces, the checksums inside the checkpoint and the shapes of all tensors. A download
// that cannot be imported is deleted. Throws what download() and import_model() throw.
ImportReport fetch_vggish(const FetchRequest& request, const std::filesystem::path& out);

}  // namespace vggroove::weights
