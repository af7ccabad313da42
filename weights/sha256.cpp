#include "weights/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "weights/random_access_file.h"

namespace vggroove::weights {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

void check(bool succeeded) {
  if (!succeeded) {
    throw Error(ErrorClass::kUnsupported, "OpenSSL refuses to compute SHA-256");
  }
}

}  // namespace

struct Sha256::Impl {
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  check(impl_->context != nullptr &&
        EVP_DigestInit_ex(impl_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  check(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex_digest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int num_bytes = 0;
  check(EVP_DigestFinal_ex(impl_->context.get(), digest.data(), &num_bytes) == 1);
  std::string text;
  for (unsigned int i = 0; i < num_bytes; ++i) {
    text += fmt::format("{:02x}", digest[i]);
  }
  return text;
}

std::string sha256_of_file(const std::filesystem::path& path) {
  const RandomAccessFile file(path);
  Sha256 sha256;
  std::vector<std::byte> piece(std::size_t{1} << 20);
  for (std::uint64_t begin = 0; begin < file.size_bytes();) {
    const std::span<std::byte> part = std::span(piece).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), file.size_bytes() - begin)));
    file.read(begin, part);
    sha256.update(part);
    begin += part.size();
  }
  return sha256.hex_digest();
}

}  // namespace vggroove::weights
