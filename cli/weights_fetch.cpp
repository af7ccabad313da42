#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "cli/locations.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "engine/nets/vggish_metadata.h"
#include "weights/fetch.h"

namespace vggroove::cli {
namespace {

constexpr const char* kFooter =
    "Downloads Google's vggish_model.ckpt and vggish_pca_params.npz (289 MB) or, where Google's "
    "server\n"
    "fails, torchvggish's copies. An interrupted download continues where it stopped. Proxies are\n"
    "taken from https_proxy and no_proxy, certificates from CURL_CA_BUNDLE or SSL_CERT_FILE.\n"
    "Without a network: download both files elsewhere and use `vggroove weights import`.\n"
    "Examples:\n"
    "  vggroove weights fetch vggish\n"
    "  vggroove weights fetch vggish --url https://mirror.example/vggish-10086976.pth --out "
    "v.safetensors";

struct Options {
  std::string what, out, url, pca_url, sha256, cache;
  bool allow_http = false;
};

std::string progress_text(const std::string& file, const weights::DownloadProgress& progress) {
  const double megabytes = static_cast<double>(progress.received_bytes) / 1e6;
  if (!progress.total_bytes || *progress.total_bytes == 0) {
    return fmt::format("{}  {:.1f} MB", file, megabytes);
  }
  const double total = static_cast<double>(*progress.total_bytes) / 1e6;
  return fmt::format("{}  {:.1f} of {:.1f} MB  {:.0f} %", file, megabytes, total,
                     100 * megabytes / total);
}

int fetch(const Options& options) {
  weights::FetchRequest request;
  request.cache_folder = options.cache;
  request.network_url = options.url;
  request.pca_url = options.pca_url;
  request.network_sha256 = options.sha256;
  request.allow_http = options.allow_http;
  request.frontend = frontend_metadata();
  ProgressLine line;
  request.on_progress = [&](const std::string& file, const weights::DownloadProgress& progress) {
    line.show(progress_text(file, progress));
  };
  request.on_notice = [&](const std::string& message) {
    line.clear();
    fmt::print(stderr, "vggroove: {}\n", message);
  };
  const std::filesystem::path out(options.out);
  if (out.has_parent_path()) {
    std::error_code writing_will_say_it;
    std::filesystem::create_directories(out.parent_path(), writing_will_say_it);
  }
  const weights::ImportReport report = weights::fetch_vggish(request, out);
  line.clear();
  fmt::print("{}: VGGish with {} weights and PCA parameters\n", options.out, report.origin);
  return kAllGood;
}

}  // namespace

void add_weights_fetch(CLI::App& weights_verb, Action& action) {
  static Options options;
  options.out = default_model_path().string();
  options.cache = default_cache_folder().string();
  CLI::App* verb = weights_verb.add_subcommand("fetch", "Download the released weights");
  verb->add_option("what", options.what, "vggish")->required()->check(CLI::IsMember({"vggish"}));
  verb->add_option("--out", options.out, "Model file to write (.safetensors)")
      ->capture_default_str();
  verb->add_option("--url", options.url, "Another place to get the network from");
  verb->add_option("--pca-url", options.pca_url, "Another place to get the PCA parameters from");
  verb->add_option("--sha256", options.sha256,
                   "The network's SHA-256 in hexadecimal, or its first 8 digits or more")
      ->check([](const std::string& text) {
        const bool is_hash = text.size() >= 8 && text.size() <= 64 &&
                             text.find_first_not_of("0123456789abcdef") == std::string::npos;
        return is_hash ? std::string() : "8 to 64 lower-case hexadecimal digits are needed";
      });
  verb->add_option("--cache", options.cache, "Folder that keeps the downloads")
      ->capture_default_str();
  verb->add_flag("--allow-http", options.allow_http,
                 "Also http://, where anyone on the way can change the file");
  verb->footer(kFooter);
  verb->callback([&action] { action = [] { return fetch(options); }; });
}

}  // namespace vggroove::cli
