#include "weights/download.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "weights/http_get.h"
#include "weights/part_file.h"
#include "weights/sha256.h"

namespace vggroove::weights {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{2} << 30;  // nothing of VGGish's is larger
constexpr std::chrono::milliseconds kMaxPause{30'000};

std::string digest(const std::string& text) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hash.hex_digest();
}

// Continues or begins PATH.part until it is complete.
class Downloader {
 public:
  explicit Downloader(const DownloadRequest& request)
      : request_(request),
        shown_url_(printable_url(request.url)),
        source_(digest(request.url)),
        part_(request.path) {}

  void run();

 private:
  // What an attempt came to: nothing where the file is complete, else why it is not.
  std::optional<std::string> attempt();
  bool take_response(const HttpResponse& response);
  void check_announced_size(std::uint64_t size_bytes) const;
  void check_limit(std::uint64_t size_bytes) const;
  void check_content();

  const DownloadRequest& request_;
  const std::string shown_url_;
  const std::string source_;  // stands for the URL in a file; the URL itself may hold secrets
  PartFile part_;
  std::optional<std::uint64_t> total_bytes_;
  std::string retry_reason_;  // of a status that may change later
};

void Downloader::run() {
  std::uint64_t furthest = part_.size_bytes();
  auto pause = request_.first_pause;
  for (int failures = 0;;) {
    const std::optional<std::string> failure = attempt();
    if (!failure) {
      break;
    }
    if (part_.size_bytes() > furthest) {
      furthest = part_.size_bytes();
      failures = 0;
      pause = request_.first_pause;
    }
    if (++failures >= request_.max_attempts) {
      throw ServerError(ErrorClass::kIo,
                        fmt::format("{}: {}; gave up after {} attempts; run the same again to "
                                    "continue at byte {}",
                                    shown_url_, *failure, failures, part_.size_bytes()));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kMaxPause);
  }
  check_content();
  part_.commit();
}

std::optional<std::string> Downloader::attempt() {
  retry_reason_.clear();
  HttpRequest http;
  http.url = request_.url;
  http.allow_http = request_.allow_http;
  if (part_.can_continue(source_)) {
    http.first_byte = part_.size_bytes();
    http.validator = part_.validator();
  } else {
    part_.restart({}, {});
  }
  http.on_response = [this](const HttpResponse& response) { return take_response(response); };
  http.on_body = [this](std::span<const std::byte> bytes) {
    check_limit(part_.size_bytes() + bytes.size());
    part_.append(bytes);
    if (request_.on_progress) {
      request_.on_progress({part_.size_bytes(), total_bytes_});
    }
  };
  const HttpOutcome outcome = http_get(http);
  if (!outcome.is_complete) {
    if (!outcome.may_succeed_later) {
      throw ServerError(ErrorClass::kIo, fmt::format("{}: {}", shown_url_, outcome.reason));
    }
    return outcome.reason;
  }
  if (!retry_reason_.empty()) {
    return retry_reason_;
  }
  if (total_bytes_ && part_.size_bytes() != *total_bytes_) {
    return fmt::format("{} of {} bytes came", part_.size_bytes(), *total_bytes_);
  }
  return std::nullopt;
}

bool Downloader::take_response(const HttpResponse& response) {
  const auto refuse = [&](ErrorClass error_class, const char* what) {
    throw ServerError(error_class,
                      fmt::format("{}: {} (HTTP status {})", shown_url_, what, response.status));
  };
  total_bytes_ = response.total_bytes;
  switch (response.status) {
    case 200:  // all of it, even if the rest was asked for: it changed, or the server sends no
               // parts
      part_.restart(source_, response.validator);
      break;
    case 206:
      if (response.first_byte != part_.size_bytes()) {
        part_.restart({}, {});
        retry_reason_ = "the server sent another part than the one asked for";
        return false;
      }
      break;
    case 416:  // nothing behind what is there: complete, or of another file
      if (response.total_bytes != part_.size_bytes()) {
        part_.restart({}, {});
        retry_reason_ = "what was downloaded earlier does not fit the file";
      }
      return false;
    case 401:
    case 403:
      refuse(ErrorClass::kUnreadable, "the server refuses access");
      break;
    case 404:
    case 410:
      refuse(ErrorClass::kNotFound, "there is no such file on the server");
      break;
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      retry_reason_ = fmt::format("the server is busy or broken (HTTP status {})", response.status);
      return false;
    default:
      refuse(ErrorClass::kIo, "an answer that is no file");
  }
  if (total_bytes_) {
    check_announced_size(*total_bytes_);
  }
  return true;
}

void Downloader::check_announced_size(std::uint64_t size_bytes) const {
  check_limit(size_bytes);
  if (request_.size_bytes && size_bytes != *request_.size_bytes) {
    throw Error(ErrorClass::kCorrupt, fmt::format("{}: the file has {} bytes, but {} are expected",
                                                  shown_url_, size_bytes, *request_.size_bytes));
  }
}

void Downloader::check_limit(std::uint64_t size_bytes) const {
  if (const std::uint64_t limit = request_.size_bytes.value_or(kMaxBytes); size_bytes > limit) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: larger than the {} bytes that are expected", shown_url_, limit));
  }
}

void Downloader::check_content() {
  check_announced_size(part_.size_bytes());
  if (request_.sha256.empty()) {
    return;
  }
  const std::string actual = sha256_of_file(part_.path());
  if (!actual.starts_with(request_.sha256)) {
    part_.remove();
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: its SHA-256 is {}, but {}{} is expected; the download was deleted",
                            shown_url_, actual, request_.sha256,
                            request_.sha256.size() < actual.size() ? "..." : ""));
  }
}

}  // namespace

void download(const DownloadRequest& request) {
  Downloader(request).run();
}

std::string_view hash_in_name(std::string_view url) {
  const std::string_view name = url.substr(url.rfind('/') + 1);  // all of it without a slash
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = name.substr(dash + 1);
  const std::string_view digits = rest.substr(0, rest.find('.'));
  const bool is_hash = digits.size() >= 8 && digits.size() <= 64 &&
                       digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_hash ? digits : std::string_view();
}

}  // namespace vggroove::weights
