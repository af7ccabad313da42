#include "engine/backends/cuda/cudnn/plan_file.h"

#include <bit>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "weights/sha256.h"

namespace vggroove::cudnn {
namespace {

static_assert(std::endian::native == std::endian::little, "plan files are little-endian");

constexpr std::string_view kMagic = "VGGPLAN1";
constexpr std::size_t kDigestOffset = kMagic.size();
constexpr std::size_t kDigestBytes = 64;
constexpr std::size_t kHashedOffset = kDigestOffset + kDigestBytes;

struct Sizes {
  std::int64_t engine;
  std::int64_t workspace_bytes;
  std::uint32_t key_bytes;
  std::uint32_t plan_bytes;
};
static_assert(sizeof(Sizes) == 24);
constexpr std::size_t kTextOffset = kHashedOffset + sizeof(Sizes);

std::string_view characters(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void require(bool holds, const char* what) {
  if (!holds) {
    throw Error(ErrorClass::kCorrupt, std::string("cuDNN plan file: ") + what);
  }
}

}  // namespace

std::string write_plan_file(const PlanFile& plan) {
  const Sizes sizes{plan.engine, plan.workspace_bytes, static_cast<std::uint32_t>(plan.key.size()),
                    static_cast<std::uint32_t>(plan.plan_json.size())};
  std::string bytes(kMagic);
  bytes.append(kDigestBytes, '0');
  bytes.append(reinterpret_cast<const char*>(&sizes), sizeof(sizes));
  bytes += plan.key;
  bytes += plan.plan_json;
  return bytes.replace(kDigestOffset, kDigestBytes,
                       plan_file_digest(std::as_bytes(std::span(bytes))));
}

PlanFile read_plan_file(std::span<const std::byte> bytes) {
  require(bytes.size() <= kMaxPlanFileBytes, "too large");
  require(bytes.size() >= kTextOffset, "shorter than its header");
  require(characters(bytes).starts_with(kMagic), "not of this format's version");
  require(characters(bytes).substr(kDigestOffset, kDigestBytes) == plan_file_digest(bytes),
          "its SHA-256 is wrong");
  Sizes sizes{};
  std::memcpy(&sizes, bytes.data() + kHashedOffset, sizeof(sizes));
  const std::string_view text = characters(bytes.subspan(kTextOffset));
  require(std::uint64_t{sizes.key_bytes} + sizes.plan_bytes == text.size(),
          "its sizes do not add up to its length");
  require(sizes.engine >= 0 && sizes.workspace_bytes >= 0, "negative engine or workspace");
  require(sizes.plan_bytes > 0, "no plan");
  return {.key = std::string(text.substr(0, sizes.key_bytes)),
          .engine = sizes.engine,
          .workspace_bytes = sizes.workspace_bytes,
          .plan_json = std::string(text.substr(sizes.key_bytes))};
}

std::string plan_file_digest(std::span<const std::byte> bytes) {
  if (bytes.size() < kTextOffset) {
    return {};
  }
  weights::Sha256 sha256;
  sha256.update(bytes.subspan(kHashedOffset));
  return sha256.hex_digest();
}

}  // namespace vggroove::cudnn
