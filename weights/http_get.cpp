#include "weights/http_get.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "weights/foreign_text.h"

namespace vggroove::weights {
namespace {

// The functions of libcurl that are used, found at run time. Only its header is needed to build.
struct Curl {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
  decltype(&::curl_url) url;
  decltype(&::curl_url_set) url_set;
  decltype(&::curl_url_get) url_get;
  decltype(&::curl_url_cleanup) url_cleanup;
  decltype(&::curl_free) free;
};

template <class Function>
void find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("the installed libcurl is too old: it lacks {}", name));
  }
}

Curl load_curl() {
  void* library = nullptr;
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
    library = library != nullptr ? library : dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    throw Error(
        ErrorClass::kUnsupported,
        "downloading needs libcurl, which is not installed (Debian and Ubuntu: apt-get install "
        "libcurl4); or download the file with another program and use `weights import`");
  }
  Curl curl{};
  find_function(library, "curl_global_init", curl.global_init);
  find_function(library, "curl_easy_init", curl.easy_init);
  find_function(library, "curl_easy_setopt", curl.easy_setopt);
  find_function(library, "curl_easy_perform", curl.easy_perform);
  find_function(library, "curl_easy_strerror", curl.easy_strerror);
  find_function(library, "curl_easy_cleanup", curl.easy_cleanup);
  find_function(library, "curl_slist_append", curl.slist_append);
  find_function(library, "curl_slist_free_all", curl.slist_free_all);
  find_function(library, "curl_url", curl.url);
  find_function(library, "curl_url_set", curl.url_set);
  find_function(library, "curl_url_get", curl.url_get);
  find_function(library, "curl_url_cleanup", curl.url_cleanup);
  find_function(library, "curl_free", curl.free);
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    throw Error(ErrorClass::kUnsupported, "libcurl does not start");
  }
  return curl;
}

const Curl& curl() {
  static const Curl loaded = load_curl();
  return loaded;
}

// A URL taken apart by the same code that will connect to it, so that the host which is checked is
// the host which is asked ("http://localhost@elsewhere").
class Url {
 public:
  explicit Url(const std::string& text) : handle_(curl().url()) {
    if (curl().url_set(handle_.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
      throw Error(ErrorClass::kUsage,
                  quoted_name(text) + " is not a URL that begins with https://");
    }
  }
  std::string part(CURLUPart which) const {
    char* text = nullptr;
    if (curl().url_get(handle_.get(), which, &text, 0) != CURLUE_OK) {
      return {};
    }
    const std::unique_ptr<char, void (*)(void*)> owner(text, curl().free);
    return text;
  }
  void remove(CURLUPart which) { curl().url_set(handle_.get(), which, nullptr, 0); }

 private:
  struct Close {
    void operator()(CURLU* handle) const { curl().url_cleanup(handle); }
  };
  std::unique_ptr<CURLU, Close> handle_;
};

void check_url(const HttpRequest& request) {
  const Url url(request.url);
  const std::string scheme = url.part(CURLUPART_SCHEME), host = url.part(CURLUPART_HOST);
  if (scheme == "https") {
    return;
  }
  if (scheme != "http") {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: only https:// is downloaded", printable_url(request.url)));
  }
  const bool is_this_machine = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
  if (!request.allow_http && !is_this_machine) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: http:// lets anyone on the way change the file; use https://, or "
                            "--allow-http in a network that you trust",
                            printable_url(request.url)));
  }
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool equals_ignoring_case(std::string_view a, std::string_view lower_case) {
  return a.size() == lower_case.size() &&
         std::equal(a.begin(), a.end(), lower_case.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
         });
}

// One transfer: what libcurl's callbacks write to.
class Transfer {
 public:
  explicit Transfer(const HttpRequest& request) : request_(request) {}

  HttpOutcome run();

 private:
  static std::size_t header_callback(char* bytes, std::size_t, std::size_t size, void* self) {
    return static_cast<Transfer*>(self)->guarded(
        size, [&](Transfer& transfer) { transfer.take_header(std::string_view(bytes, size)); });
  }
  static std::size_t body_callback(char* bytes, std::size_t, std::size_t size, void* self) {
    return static_cast<Transfer*>(self)->guarded(size, [&](Transfer& transfer) {
      if (transfer.wants_body()) {
        transfer.request_.on_body(std::as_bytes(std::span(bytes, size)));
      }
    });
  }

  // Exceptions must not pass through libcurl, which is C: they wait in stopped_by_.
  template <class Action>
  std::size_t guarded(std::size_t size, Action&& action) {
    try {
      action(*this);
      return wants_body_.value_or(true) ? size : std::size_t{CURL_WRITEFUNC_ERROR};
    } catch (...) {
      stopped_by_ = std::current_exception();
      return CURL_WRITEFUNC_ERROR;
    }
  }

  void take_header(std::string_view line);
  void take_content_range(std::string_view value);
  bool wants_body();  // asks on_response the first time

  const HttpRequest& request_;
  HttpResponse response_;
  std::string entity_tag_, last_modified_;
  std::optional<bool> wants_body_;
  std::exception_ptr stopped_by_;
};

void Transfer::take_header(std::string_view line) {
  if (line.starts_with(
          "HTTP/")) {  // the first line of an answer; another one follows a redirection
    response_ = {};
    entity_tag_.clear();
    last_modified_.clear();
    const std::size_t space = line.find(' ');
    const std::string_view status =
        space == std::string_view::npos ? std::string_view() : line.substr(space + 1, 3);
    response_.status = static_cast<int>(to_number(trimmed(status)).value_or(0));
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return;
  }
  const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "content-length")) {
    if (response_.status == 200) {
      response_.total_bytes = to_number(value);
    }
  } else if (equals_ignoring_case(name, "content-range")) {
    take_content_range(value);
  } else if (equals_ignoring_case(name, "etag")) {
    entity_tag_ = value;
  } else if (equals_ignoring_case(name, "last-modified")) {
    last_modified_ = value;
  }
}

// "bytes 500-999/1000", or "bytes */1000" where the range that was asked for is not there.
void Transfer::take_content_range(std::string_view value) {
  if (!value.starts_with("bytes ")) {
    return;
  }
  value = trimmed(value.substr(6));
  const std::size_t dash = value.find('-'), slash = value.find('/');
  if (dash != std::string_view::npos) {
    response_.first_byte = to_number(value.substr(0, dash));
  }
  if (slash != std::string_view::npos) {
    response_.total_bytes = to_number(value.substr(slash + 1));
  }
}

bool Transfer::wants_body() {
  if (!wants_body_) {
    // A weak tag (W/"...") promises the same meaning, not the same bytes.
    response_.validator =
        !entity_tag_.empty() && !entity_tag_.starts_with("W/") ? entity_tag_ : last_modified_;
    wants_body_ = request_.on_response(response_);
  }
  return *wants_body_;
}

bool may_succeed_later(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

HttpOutcome Transfer::run() {
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl().easy_init(), curl().easy_cleanup);
  if (handle == nullptr) {
    throw std::bad_alloc();
  }
  curl_slist* header_list = nullptr;
  const auto add_header = [&](const std::string& line) {
    header_list = curl().slist_append(header_list, line.c_str());
  };
  add_header("Accept-Encoding: identity");
  if (request_.first_byte > 0) {
    add_header(fmt::format("Range: bytes={}-", request_.first_byte));
    add_header("If-Range: " + request_.validator);
  }
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(header_list,
                                                                   curl().slist_free_all);
  std::array<char, CURL_ERROR_SIZE> reason{};
  const auto set = [&](CURLoption option, auto value) {
    if (const CURLcode code = curl().easy_setopt(handle.get(), option, value); code != CURLE_OK) {
      throw Error(ErrorClass::kUnsupported,
                  fmt::format("the installed libcurl is too old: {}", curl().easy_strerror(code)));
    }
  };
  set(CURLOPT_URL, request_.url.c_str());
  // Never back from https to http, nor to a file of this machine, wherever a server redirects to.
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, request_.allow_http ? "http,https" : "https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 10L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_CONNECTTIMEOUT, 30L);
  set(CURLOPT_LOW_SPEED_LIMIT, 100L);  // bytes/s, for a minute: the connection is dead
  set(CURLOPT_LOW_SPEED_TIME, 60L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_USERAGENT, "vggroove");
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_HEADERFUNCTION, &Transfer::header_callback);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Transfer::body_callback);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_ERRORBUFFER, reason.data());
  // The library, unlike the program `curl`, does not look at these.
  for (const char* variable : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (const char* path = std::getenv(variable); path != nullptr && *path != '\0') {
      set(CURLOPT_CAINFO, path);
      break;
    }
  }
  const CURLcode code = curl().easy_perform(handle.get());
  if (stopped_by_) {
    std::rethrow_exception(stopped_by_);
  }
  if (code != CURLE_OK && wants_body_.value_or(true)) {
    return {false, may_succeed_later(code),
            reason[0] != '\0' ? reason.data() : curl().easy_strerror(code)};
  }
  wants_body();  // where the body is empty, nobody has asked yet
  return {true, false, {}};
}

}  // namespace

HttpOutcome http_get(const HttpRequest& request) {
  check_url(request);
  return Transfer(request).run();
}

std::string printable_url(const std::string& text) {
  Url url(text);
  for (const CURLUPart secret :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    url.remove(secret);
  }
  return url.part(CURLUPART_URL);
}

}  // namespace vggroove::weights
