#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

// The file that keeps one finished plan. cuDNN takes some damaged plans for good ones (4 of 150
// with one flipped bit), so nothing of a file is used before its SHA-256 is right. Knows nothing of
// cuDNN.
namespace vggroove::cudnn {

struct PlanFile {
  std::string key;  // what the plan was made for: see PlanCache
  std::int64_t engine = 0;
  std::int64_t workspace_bytes = 0;
  std::string plan_json;  // cuDNN's own serialisation
};

// A plan is some 3 kB; a file above this is refused unread.
inline constexpr std::size_t kMaxPlanFileBytes = std::size_t{1} << 20;

// Integers little-endian:
//   0  "VGGPLAN1"       8  SHA-256 of all bytes from 72 on, 64 hexadecimal digits
//   72 engine (int64)   80 workspace_bytes (int64)   88 bytes of key (uint32)   92 bytes of
//   plan_json (uint32) 96 key, plan_json, and nothing after them
std::string write_plan_file(const PlanFile& plan);

// Throws Error(kCorrupt) unless `bytes` are what write_plan_file makes.
PlanFile read_plan_file(std::span<const std::byte> bytes);

// What bytes 8 to 71 of such a file have to be; empty where it is shorter than its header.
std::string plan_file_digest(std::span<const std::byte> bytes);

}  // namespace vggroove::cudnn
