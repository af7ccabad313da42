#include "weights/download.h"

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/expect_error.h"
#include "tests/support/http_server.h"
#include "tests/support/temporary_folder.h"
#include "weights/fetch.h"
#include "weights/http_get.h"
#include "weights/sha256.h"

namespace vggroove::weights {
namespace {

namespace fs = std::filesystem;
using vggroove::testing::expect_error;
using vggroove::testing::HttpServer;
using vggroove::testing::TemporaryFolder;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string some_bytes(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) {
    bytes += static_cast<char>(i * 131 + i / 256);
  }
  return bytes;
}

std::string sha256_hex(const std::string& bytes) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(bytes)));
  return hash.hex_digest();
}

std::string answer(const std::string& status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

std::string length(std::size_t bytes) {
  return "Content-Length: " + std::to_string(bytes) + "\r\n";
}

// What a server with byte ranges says, sending at most `most` bytes of what it announces.
std::string with_ranges(const std::string& request, const std::string& file,
                        const std::string& entity_tag, std::size_t most = std::string::npos) {
  const std::string tag = entity_tag.empty() ? "" : "ETag: " + entity_tag + "\r\n";
  const std::size_t range = request.find("Range: bytes=");
  const bool is_same = request.find("If-Range: " + entity_tag + "\r\n") != std::string::npos;
  if (range == std::string::npos || !is_same) {
    return answer("200 OK", tag + length(file.size()), file.substr(0, most));
  }
  const std::size_t first = std::stoul(request.substr(range + 13));
  if (first >= file.size()) {
    return answer("416 Range Not Satisfiable",
                  "Content-Range: bytes */" + std::to_string(file.size()) + "\r\n" + length(0), "");
  }
  return answer("206 Partial Content",
                tag + length(file.size() - first) + "Content-Range: bytes " +
                    std::to_string(first) + "-" + std::to_string(file.size() - 1) + "/" +
                    std::to_string(file.size()) + "\r\n",
                file.substr(first, most));
}

class Download : public ::testing::Test {
 protected:
  Download() {
    // The server is on this machine; a proxy of the environment does not know it.
    for (const char* variable : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) {
      ::unsetenv(variable);
    }
  }

  DownloadRequest request_to(const HttpServer& server) const {
    DownloadRequest request;
    request.url = server.url("/file");
    request.path = folder_ / "file";
    request.first_pause = std::chrono::milliseconds(1);
    return request;
  }
  std::vector<std::string> names_in_folder() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }

  TemporaryFolder folder_;
  const std::string file_ = some_bytes(300'000);
};

TEST_F(Download, brings_the_file_and_leaves_nothing_else) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  DownloadRequest request = request_to(server);
  request.sha256 = sha256_hex(file_);
  request.size_bytes = file_.size();
  std::uint64_t last = 0;
  request.on_progress = [&](const DownloadProgress& progress) {
    EXPECT_GT(progress.received_bytes, last);
    EXPECT_EQ(progress.total_bytes, file_.size());
    last = progress.received_bytes;
  };
  download(request);
  EXPECT_EQ(last, file_.size());
  EXPECT_TRUE(contents(folder_ / "file") == file_);
  EXPECT_EQ(names_in_folder(), std::vector<std::string>{"file"});
}

TEST_F(Download, replaces_an_older_file) {
  std::ofstream(folder_ / "file") << "old";
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  download(request_to(server));
  EXPECT_TRUE(contents(folder_ / "file") == file_);
}

TEST_F(Download, continues_after_the_connection_was_cut) {
  HttpServer server([&](const std::string& request, int) {
    return with_ranges(request, file_, "\"v1\"", 80'000);
  });
  DownloadRequest request = request_to(server);
  request.max_attempts = 2;  // attempts that get further do not count
  download(request);
  EXPECT_TRUE(contents(folder_ / "file") == file_);
  ASSERT_EQ(server.requests().size(), 4U);  // 80, 80, 80 and 60 kB
  EXPECT_EQ(server.requests()[0].find("Range"), std::string::npos);
  EXPECT_NE(server.requests()[1].find("Range: bytes=80000-\r\nIf-Range: \"v1\"\r\n"),
            std::string::npos);
  EXPECT_NE(server.requests()[3].find("Range: bytes=240000-\r\n"), std::string::npos);
}

TEST_F(Download, continues_in_a_later_run) {
  HttpServer server([&](const std::string& request, int number) {
    return with_ranges(request, file_, "\"v1\"", number == 0 ? 80'000 : std::string::npos);
  });
  DownloadRequest request = request_to(server);
  request.max_attempts = 1;
  expect_error(ErrorClass::kIo, "run the same again to continue at byte 80000",
               [&] { download(request); });
  EXPECT_EQ(names_in_folder(), (std::vector<std::string>{"file.part", "file.part.source"}));
  // The URL may hold a password: it is not written down.
  EXPECT_EQ(contents(folder_ / "file.part.source").find("127.0.0.1"), std::string::npos);
  download(request);
  EXPECT_TRUE(contents(folder_ / "file") == file_);
  EXPECT_NE(server.requests().at(1).find("Range: bytes=80000-"), std::string::npos);
}

TEST_F(Download, does_not_continue_what_came_from_another_url) {
  HttpServer server([&](const std::string& request, int number) {
    return with_ranges(request, file_, "\"v1\"", number == 0 ? 80'000 : std::string::npos);
  });
  DownloadRequest request = request_to(server);
  request.max_attempts = 1;
  expect_error(ErrorClass::kIo, "gave up", [&] { download(request); });
  request.url = server.url("/file?version=2");
  download(request);
  EXPECT_EQ(server.requests().at(1).find("Range: "), std::string::npos);
}

TEST_F(Download, starts_again_where_the_file_on_the_server_changed) {
  const std::string changed = some_bytes(200'000) + "changed";
  HttpServer server([&](const std::string& request, int number) {
    return number == 0 ? with_ranges(request, file_, "\"v1\"", 80'000)
                       : with_ranges(request, changed, "\"v2\"");
  });
  download(request_to(server));
  EXPECT_TRUE(contents(folder_ / "file") == changed);
}

TEST_F(Download, starts_again_where_the_server_ignores_ranges) {
  HttpServer server([&](const std::string&, int number) {
    return answer("200 OK", "ETag: \"v1\"\r\n" + length(file_.size()),
                  number == 0 ? file_.substr(0, 80'000) : file_);
  });
  download(request_to(server));
  EXPECT_TRUE(contents(folder_ / "file") == file_);
  EXPECT_NE(server.requests()[1].find("Range: bytes=80000-"), std::string::npos);
}

TEST_F(Download, starts_again_where_nothing_tells_the_version) {
  HttpServer server([&](const std::string& request, int number) {
    return with_ranges(request, file_, number == 0 ? "" : "W/\"weak\"",
                       number < 2 ? 80'000 : std::string::npos);
  });
  download(request_to(server));
  EXPECT_TRUE(contents(folder_ / "file") == file_);
  EXPECT_EQ(server.requests()[1].find("Range: "), std::string::npos);
  EXPECT_EQ(server.requests()[2].find("Range: "), std::string::npos);
}

TEST_F(Download, starts_again_where_another_part_comes) {
  HttpServer server([&](const std::string& request, int number) {
    if (number == 1) {
      return answer("206 Partial Content", length(10) + "Content-Range: bytes 0-9/300000\r\n",
                    file_.substr(0, 10));
    }
    return with_ranges(request, file_, "\"v1\"", number == 0 ? 80'000 : std::string::npos);
  });
  download(request_to(server));
  EXPECT_TRUE(contents(folder_ / "file") == file_);
  EXPECT_EQ(server.requests()[2].find("Range: "), std::string::npos);
}

TEST_F(Download, finishes_a_part_that_was_complete_already) {
  HttpServer server([&](const std::string& request, int number) {
    // All bytes, but one fewer than announced; then the announced number was a mistake.
    return number == 0 ? answer("200 OK", "ETag: \"v1\"\r\n" + length(file_.size() + 1), file_)
                       : with_ranges(request, file_, "\"v1\"");
  });
  download(request_to(server));
  EXPECT_TRUE(contents(folder_ / "file") == file_);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(Download, with_the_wrong_hash_is_deleted) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  DownloadRequest request = request_to(server);
  request.sha256 = "0123456789abcdef";
  expect_error(ErrorClass::kCorrupt,
               "its SHA-256 is " + sha256_hex(file_) + ", but 0123456789abcdef... is expected",
               [&] { download(request); });
  EXPECT_EQ(names_in_folder(), std::vector<std::string>{});
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(Download, of_the_wrong_size_is_refused_before_it_starts) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  DownloadRequest request = request_to(server);
  request.size_bytes = 300'001;
  expect_error(ErrorClass::kCorrupt, "has 300000 bytes, but 300001 are expected",
               [&] { download(request); });
  EXPECT_EQ(names_in_folder(), std::vector<std::string>{});
}

TEST_F(Download, that_never_ends_is_stopped) {
  // No Content-Length: the body lasts as long as the connection.
  HttpServer server([&](const std::string&, int) { return answer("200 OK", "", file_); });
  DownloadRequest request = request_to(server);
  request.size_bytes = 100'000;
  expect_error(ErrorClass::kCorrupt, "larger than the 100000 bytes", [&] { download(request); });

  HttpServer boasting([&](const std::string&, int) {
    return answer("200 OK", "Content-Length: 9000000000000\r\n", "x");
  });
  expect_error(ErrorClass::kCorrupt, "larger than the 2147483648 bytes",
               [&] { download(request_to(boasting)); });
}

TEST_F(Download, of_a_missing_file_fails_at_once) {
  HttpServer server(
      [&](const std::string&, int) { return answer("404 Not Found", length(9), "not found"); });
  expect_error(ErrorClass::kNotFound, "/file: there is no such file on the server",
               [&] { download(request_to(server)); });
  EXPECT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(names_in_folder(), std::vector<std::string>{});
}

TEST_F(Download, waits_for_a_busy_server) {
  HttpServer server([&](const std::string& request, int number) {
    return number < 3 ? answer("503 Busy", length(4), "busy") : with_ranges(request, file_, "");
  });
  download(request_to(server));
  EXPECT_TRUE(contents(folder_ / "file") == file_);
  EXPECT_EQ(server.requests().size(), 4U);
}

TEST_F(Download, gives_up_after_the_allowed_attempts) {
  HttpServer server([&](const std::string&, int) { return answer("503 Busy", length(0), ""); });
  DownloadRequest request = request_to(server);
  request.max_attempts = 3;
  expect_error(ErrorClass::kIo, "(HTTP status 503); gave up after 3 attempts",
               [&] { download(request); });
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST_F(Download, does_not_count_the_same_bytes_as_getting_further) {
  HttpServer server([&](const std::string&, int) {
    return answer("200 OK", length(file_.size()), file_.substr(0, 80'000));
  });
  DownloadRequest request = request_to(server);
  request.max_attempts = 3;
  expect_error(ErrorClass::kIo, "gave up", [&] { download(request); });
  EXPECT_LE(server.requests().size(), 4U);
}

TEST_F(Download, does_not_follow_a_redirection_from_here_to_http_or_to_a_file) {
  for (const std::string target : {"http://127.0.0.1:9/file", "file:///etc/hostname"}) {
    HttpServer server([&](const std::string&, int) {
      return answer("302 Found", "Location: " + target + "\r\n" + length(0), "");
    });
    expect_error(ErrorClass::kIo, "/file: Protocol", [&] { download(request_to(server)); });
    EXPECT_FALSE(fs::exists(folder_ / "file"));
  }
}

TEST_F(Download, follows_redirections_that_are_allowed) {
  HttpServer server([&](const std::string& request, int) {
    return request.starts_with("GET /file ")
               ? answer("302 Found", "Location: /there\r\nETag: \"r\"\r\n" + length(5), "moved")
               : with_ranges(request, file_, "\"v1\"");
  });
  DownloadRequest request = request_to(server);
  request.allow_http = true;
  download(request);
  EXPECT_TRUE(contents(folder_ / "file") == file_);
}

TEST_F(Download, says_that_the_disk_is_full) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error(ErrorClass::kIo, "file.part: cannot write: File too large",
               [&] { download(request_to(server)); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(fs::exists(folder_ / "file"));
}

TEST_F(Download, is_done_by_one_process_at_a_time) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  std::ofstream(folder_ / "file.part") << "x";
  const int other = ::open((folder_ / "file.part").c_str(), O_RDWR);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  expect_error(ErrorClass::kIo, "file.part: another process is downloading this file",
               [&] { download(request_to(server)); });
  ::close(other);
  download(request_to(server));
  EXPECT_TRUE(contents(folder_ / "file") == file_);
}

TEST_F(Download, writes_through_no_link) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  std::ofstream(folder_ / "precious") << "precious";
  fs::create_symlink(folder_ / "precious", folder_ / "file.part");
  expect_error(ErrorClass::kIo, "file.part: cannot open", [&] { download(request_to(server)); });
  EXPECT_EQ(contents(folder_ / "precious"), "precious");
}

TEST_F(Download, refuses_urls_that_are_not_https) {
  DownloadRequest request;
  request.path = folder_ / "file";
  const auto expect_refused = [&](const char* url, const char* words) {
    request.url = url;
    expect_error(ErrorClass::kUsage, words, [&] { download(request); });
  };
  expect_refused("http://example.com/x", "http://example.com/x: http:// lets anyone");
  expect_refused("http://localhost@example.com/x", "http://example.com/x: http:// lets anyone");
  expect_refused("http://127.0.0.1.example.com/x", "lets anyone");
  expect_refused("file:///etc/passwd", "only https://");
  expect_refused("ftp://example.com/x", "only https://");
  expect_refused("example.com/x", "\"example.com/x\" is not a URL");
  expect_refused("", "is not a URL");
}

TEST(PrintableUrl, hides_what_may_be_secret) {
  EXPECT_EQ(printable_url("https://user:word@example.com/a/b.pth?token=secret#part"),
            "https://example.com/a/b.pth");
}

TEST(HashInName, is_what_torch_hub_puts_there) {
  EXPECT_EQ(hash_in_name("https://github.com/x/vggish-10086976.pth"), "10086976");
  EXPECT_EQ(hash_in_name("vggish_pca_params-970ea276.pth"), "970ea276");
  EXPECT_EQ(hash_in_name("https://example.com/a-12345678/vggish_model.ckpt"), "");
  EXPECT_EQ(hash_in_name("model-final.pth"), "");
  EXPECT_EQ(hash_in_name("model-1234567.pth"), "");
}

TEST_F(Download, that_is_no_vggish_is_deleted_again) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  FetchRequest request;
  request.cache_folder = folder_ / "cache";
  request.network_url = server.url("/vggish.ckpt");
  request.pca_url = server.url("/pca.npz");
  expect_error(ErrorClass::kUnsupported, "; the downloads were deleted",
               [&] { fetch_vggish(request, folder_ / "m.safetensors"); });
  EXPECT_TRUE(fs::is_empty(folder_ / "cache"));
  EXPECT_FALSE(fs::exists(folder_ / "m.safetensors"));
}

TEST_F(Download, checks_the_hash_in_the_name_that_torch_hub_uses) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  FetchRequest request;
  request.cache_folder = folder_ / "cache";
  request.network_url = server.url("/vggish-10086976.pth");
  request.pca_url = server.url("/pca.npz");
  expect_error(ErrorClass::kCorrupt, "but 10086976... is expected",
               [&] { fetch_vggish(request, folder_ / "m.safetensors"); });
}

TEST_F(Download, is_not_repeated_for_a_file_in_the_cache) {
  HttpServer server(
      [&](const std::string& request, int) { return with_ranges(request, file_, ""); });
  FetchRequest request;
  request.cache_folder = folder_.path();
  request.network_url = server.url("/network.ckpt");
  request.pca_url = server.url("/pca.npz");
  request.network_sha256 = sha256_hex(file_);
  std::ofstream(folder_ / "pca.npz", std::ios::binary) << file_;
  std::ofstream(folder_ / "network.ckpt", std::ios::binary) << "an older one";
  expect_error(ErrorClass::kUnsupported, "network.ckpt",
               [&] { fetch_vggish(request, folder_ / "m.safetensors"); });
  ASSERT_EQ(server.requests().size(), 1U);  // for the one whose hash was wrong
  EXPECT_TRUE(server.requests()[0].starts_with("GET /network.ckpt "));
}

}  // namespace
}  // namespace vggroove::weights
