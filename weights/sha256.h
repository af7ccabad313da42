#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace vggroove::weights {

// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  std::string hex_digest();  // 64 lower-case digits; afterwards the object is used up

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Throws RandomAccessFile's errors.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace vggroove::weights
