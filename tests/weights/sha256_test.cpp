#include "weights/sha256.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/golden.h"

namespace vggroove::weights {
namespace {

// FIPS 180-4, the standard's own examples.
constexpr const char* kNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kMillionA =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, gives_the_digests_of_the_standard) {
  EXPECT_EQ(Sha256().hex_digest(), kNothing);
  const std::string text = "abc";
  Sha256 sha256;
  sha256.update(std::as_bytes(std::span(text).first(1)));
  sha256.update({});
  sha256.update(std::as_bytes(std::span(text).last(2)));
  EXPECT_EQ(sha256.hex_digest(), kAbc);
}

TEST(Sha256, reads_a_file) {
  const vggroove::testing::TemporaryFolder folder;
  weights::testing::put(folder / "x", std::string(1'000'000, 'a'));
  EXPECT_EQ(sha256_of_file(folder / "x"), kMillionA);
  vggroove::testing::expect_error(ErrorClass::kNotFound, "missing",
                                  [&] { sha256_of_file(folder / "missing"); });
}

}  // namespace
}  // namespace vggroove::weights
