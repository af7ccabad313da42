#include "weights/zip_reader.h"

#include <fmt/format.h>
#include <zip.h>

#include <map>
#include <utility>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/random_access_file.h"

namespace vggroove::weights {
namespace {

constexpr std::uint64_t kMaxDeflateRatio = 1032;  // 258 bytes from 2 bits
constexpr std::uint64_t kDeflateSlackBytes = 2048;
constexpr std::uint64_t kMaxInflatedBytes = std::uint64_t{4} << 30;

struct CloseZip {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};
struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

[[noreturn]] void corrupt(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorClass::kCorrupt, path.string() + ": " + what);
}

}  // namespace

struct ZipReader::Impl {
  std::filesystem::path path;
  std::uint64_t file_bytes = 0;
  std::uint64_t stored_bytes = 0;    // of all stored members
  std::uint64_t inflated_bytes = 0;  // of all deflated members
  std::unique_ptr<zip_t, CloseZip> zip;
  std::vector<Member> members;
  std::map<std::string, std::size_t> by_name;

  void add(zip_uint64_t index) {
    zip_stat_t status;
    zip_stat_init(&status);
    constexpr zip_uint64_t kNeeded =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(zip.get(), index, ZIP_FL_ENC_RAW, &status) != 0 ||
        (status.valid & kNeeded) != kNeeded) {
      corrupt(path, fmt::format("the zip's directory is damaged at entry {}", index));
    }
    const std::string name = status.name;
    if (name.ends_with('/')) {
      return;
    }
    if ((status.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 &&
        status.encryption_method != ZIP_EM_NONE) {
      throw Error(ErrorClass::kUnsupported,
                  fmt::format("{}: member {} is encrypted", path.string(), quoted_name(name)));
    }
    if (status.comp_method == ZIP_CM_STORE) {
      if (status.size != status.comp_size) {
        corrupt(path,
                fmt::format("member {} is stored, but its two sizes differ", quoted_name(name)));
      }
      // Members that lie on top of each other are how a small file claims to be a large one.
      if (status.size > file_bytes - stored_bytes) {
        corrupt(path, "its stored members are together larger than the file");
      }
      stored_bytes += status.size;
    } else if (status.comp_method == ZIP_CM_DEFLATE) {
      // Division, because a declared size of 2^63 must not overflow.
      if (status.size / kMaxDeflateRatio > status.comp_size + kDeflateSlackBytes) {
        corrupt(path, fmt::format("member {} claims {} bytes, more than its {} compressed bytes "
                                  "can hold",
                                  quoted_name(name), status.size, status.comp_size));
      }
      if (status.size > kMaxInflatedBytes - inflated_bytes) {
        throw Error(ErrorClass::kUnsupported,
                    fmt::format("{}: it unpacks to more than {} GiB; save it without compression",
                                path.string(), kMaxInflatedBytes >> 30));
      }
      inflated_bytes += status.size;
    } else {
      throw Error(
          ErrorClass::kUnsupported,
          fmt::format("{}: member {} uses the zip compression {}; save it stored or deflated",
                      path.string(), quoted_name(name), status.comp_method));
    }
    if (!by_name.emplace(name, members.size()).second) {
      corrupt(path, fmt::format("two members are called {}", quoted_name(name)));
    }
    members.push_back({name, status.size, index});
  }
};

ZipReader::ZipReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->file_bytes = RandomAccessFile(path).size_bytes();  // and its plain errors
  int code = 0;
  impl_->zip.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (impl_->zip == nullptr) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    corrupt(path, fmt::format("not a zip file that can be read ({})", reason));
  }
  const zip_int64_t num_entries = zip_get_num_entries(impl_->zip.get(), 0);
  for (zip_int64_t index = 0; index < num_entries; ++index) {
    impl_->add(static_cast<zip_uint64_t>(index));
  }
}

ZipReader::~ZipReader() = default;
ZipReader::ZipReader(ZipReader&&) noexcept = default;
ZipReader& ZipReader::operator=(ZipReader&&) noexcept = default;

const std::filesystem::path& ZipReader::path() const {
  return impl_->path;
}
const std::vector<ZipReader::Member>& ZipReader::members() const {
  return impl_->members;
}
const ZipReader::Member* ZipReader::find(const std::string& name) const {
  const auto found = impl_->by_name.find(name);
  return found == impl_->by_name.end() ? nullptr : &impl_->members[found->second];
}

struct ZipReader::Stream::Impl {
  std::string place;  // "m.npz: member "x.npy"", for messages
  std::unique_ptr<zip_file_t, CloseMember> file;
  std::uint64_t left_bytes = 0;

  void read_exactly(std::span<std::byte> out) {
    while (!out.empty()) {
      const zip_int64_t count = zip_fread(file.get(), out.data(), out.size());
      if (count <= 0) {
        fail(count == 0 ? "it ends early" : zip_file_strerror(file.get()));
      }
      out = out.subspan(static_cast<std::size_t>(count));
    }
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorClass::kCorrupt, fmt::format("{} is damaged: {}", place, what));
  }
};

ZipReader::Stream::Stream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ZipReader::Stream::~Stream() = default;
ZipReader::Stream::Stream(Stream&&) noexcept = default;

std::uint64_t ZipReader::Stream::left_bytes() const {
  return impl_->left_bytes;
}

void ZipReader::Stream::read(std::span<std::byte> out) {
  if (out.size() > impl_->left_bytes) {
    impl_->fail(
        fmt::format("{} bytes are expected where {} are left", out.size(), impl_->left_bytes));
  }
  impl_->read_exactly(out);
  impl_->left_bytes -= out.size();
  if (impl_->left_bytes == 0 && !out.empty()) {
    // libzip compares the checksum when it is asked for more than there is.
    std::byte beyond;
    const zip_int64_t count = zip_fread(impl_->file.get(), &beyond, 1);
    if (count != 0) {
      impl_->fail(count > 0 ? "it is longer than declared" : zip_file_strerror(impl_->file.get()));
    }
  }
}

ZipReader::Stream ZipReader::stream(const Member& member) const {
  auto stream = std::make_unique<Stream::Impl>();
  stream->place = fmt::format("{}: member {}", impl_->path.string(), quoted_name(member.name));
  stream->file.reset(zip_fopen_index(impl_->zip.get(), member.index, 0));
  stream->left_bytes = member.size_bytes;
  if (stream->file == nullptr) {
    stream->fail(zip_strerror(impl_->zip.get()));
  }
  return Stream(std::move(stream));
}

std::vector<std::byte> ZipReader::read(const Member& member) const {
  Stream source = stream(member);
  std::vector<std::byte> bytes(member.size_bytes);
  source.read(bytes);
  return bytes;
}

}  // namespace vggroove::weights
