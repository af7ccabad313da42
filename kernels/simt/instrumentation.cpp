// The functions that -fsanitize=thread makes a kernel call at every access to memory. Ours, in
// place of libtsan's, hand the accesses to the race detector and the traffic counter.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "kernels/simt/access_history.h"
#include "kernels/simt/memory_map.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/race_detector.h"
#include "kernels/simt/source_line.h"
#include "kernels/simt/traffic_counter.h"

namespace vggroove::simt {
namespace {

class Checks : public Observer {
 public:
  void launch_begins(const Launch& launch, const ExecutorMemory& memory) override {
    kernel_ = launch.kernel;
    num_barriers_ = 0;
    num_threads_ = launch.block.x * launch.block.y * launch.block.z;
    memory_.launch_begins(launch, memory);
    history_.launch_begins();
    races_.launch_begins(launch.grid);
    traffic_.launch_begins();
  }

  void block_begins(std::uint64_t block) override {
    races_.block_begins(block, num_threads_);
    traffic_.block_begins(num_threads_);
  }

  void barrier_passed() override {
    ++num_barriers_;
    races_.barrier_passed();
    traffic_.barrier_passed();
  }

  void lanes_met(unsigned warp, unsigned lanes, unsigned existing_lanes,
                 WarpOperation operation) override {
    if (operation == WarpOperation::kSync) {
      races_.lanes_synchronised(warp, lanes);
    }
    if (lanes == existing_lanes) {
      traffic_.warp_met(warp);
    }
  }

  void fenced() override { races_.fenced(*current_thread); }

  void atomic(const void* address, std::size_t bytes, const void* site) override {
    access(address, bytes, AccessKind::kAtomic, site);
  }

  void block_ends() override { traffic_.barrier_passed(); }

  void launch_ends(LaunchReport& report) override;
  std::vector<LineCounts> lines() override;

  void access(const void* pointer, std::size_t bytes, AccessKind kind, const void* site) {
    if (current_thread == nullptr) {
      return;  // host code
    }
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    const Memory memory = memory_.kind_of(address);
    if (memory == Memory::kPrivate || memory == Memory::kConstant) {
      return;
    }
    const Access access{address, bytes, kind, memory, site_number(site)};
    races_.access(*current_thread, access);
    if (memory != Memory::kBeyondShared) {
      traffic_.access(*current_thread, access);
    }
  }

 private:
  std::uint32_t site_number(const void* site) {
    const auto [entry, is_new] =
        site_numbers_.try_emplace(site, static_cast<std::uint32_t>(sites_.size()));
    if (is_new) {
      sites_.push_back(site);
    }
    return entry->second;
  }

  const void* kernel_ = nullptr;
  unsigned num_threads_ = 0;
  std::uint64_t num_barriers_ = 0;
  std::unordered_map<const void*, std::uint32_t> site_numbers_;
  std::vector<const void*> sites_;
  MemoryMap memory_;
  AccessHistory history_;
  RaceDetector races_{history_};
  TrafficCounter traffic_{history_};
};

void Checks::launch_ends(LaunchReport& report) {
  report.total = traffic_.total();
  report.barriers = num_barriers_;
  report.footprint_read_bytes = traffic_.footprint_read_bytes();
  report.footprint_write_bytes = traffic_.footprint_write_bytes();
  const auto findings = races_.findings(sites_);
  if (!findings.empty()) {
    constexpr std::size_t kMostListed = 8;
    std::string message = "kernel " + function_name(kernel_) + ": ";
    for (std::size_t i = 0; i < findings.size() && i < kMostListed; ++i) {
      message += (i == 0 ? "" : "; ") + findings[i];
    }
    if (findings.size() > kMostListed) {
      message += "; and " + std::to_string(findings.size() - kMostListed) + " more";
    }
    throw Error(ErrorClass::kInvalid, message);
  }
}

std::vector<LineCounts> Checks::lines() {
  const auto places = source_lines(sites_);
  std::map<std::string, TrafficCounts> by_place;
  for (std::size_t i = 0; i < traffic_.by_site().size(); ++i) {
    by_place[places[i].place] += traffic_.by_site()[i];
  }
  std::vector<LineCounts> lines;
  for (const auto& [place, counts] : by_place) {
    if (counts != TrafficCounts{}) {
      lines.push_back({place, counts});
    }
  }
  return lines;
}

Checks& checks() {
  static Checks instance;
  return instance;
}

}  // namespace
}  // namespace vggroove::simt

#define VGGROOVE_SIMT_SITE __builtin_extract_return_addr(__builtin_return_address(0))
#define VGGROOVE_SIMT_READ(name, bytes)                                                \
  void __tsan_##name(void* address) {                                                  \
    vggroove::simt::checks().access(address, bytes, vggroove::simt::AccessKind::kRead, \
                                    VGGROOVE_SIMT_SITE);                               \
  }
#define VGGROOVE_SIMT_WRITE(name, bytes)                                                \
  void __tsan_##name(void* address) {                                                   \
    vggroove::simt::checks().access(address, bytes, vggroove::simt::AccessKind::kWrite, \
                                    VGGROOVE_SIMT_SITE);                                \
  }

extern "C" {

// Every instrumented file calls this before main.
void __tsan_init() {
  vggroove::simt::observer = &vggroove::simt::checks();
}

VGGROOVE_SIMT_READ(read1, 1)
VGGROOVE_SIMT_READ(read2, 2)
VGGROOVE_SIMT_READ(read4, 4)
VGGROOVE_SIMT_READ(read8, 8)
VGGROOVE_SIMT_READ(read16, 16)
VGGROOVE_SIMT_READ(unaligned_read2, 2)
VGGROOVE_SIMT_READ(unaligned_read4, 4)
VGGROOVE_SIMT_READ(unaligned_read8, 8)
VGGROOVE_SIMT_READ(unaligned_read16, 16)
VGGROOVE_SIMT_WRITE(write1, 1)
VGGROOVE_SIMT_WRITE(write2, 2)
VGGROOVE_SIMT_WRITE(write4, 4)
VGGROOVE_SIMT_WRITE(write8, 8)
VGGROOVE_SIMT_WRITE(write16, 16)
VGGROOVE_SIMT_WRITE(unaligned_write2, 2)
VGGROOVE_SIMT_WRITE(unaligned_write4, 4)
VGGROOVE_SIMT_WRITE(unaligned_write8, 8)
VGGROOVE_SIMT_WRITE(unaligned_write16, 16)

// Copies of structs.
void __tsan_read_range(void* address, std::size_t bytes) {
  vggroove::simt::checks().access(address, bytes, vggroove::simt::AccessKind::kRead,
                                  VGGROOVE_SIMT_SITE);
}
void __tsan_write_range(void* address, std::size_t bytes) {
  vggroove::simt::checks().access(address, bytes, vggroove::simt::AccessKind::kWrite,
                                  VGGROOVE_SIMT_SITE);
}

void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

// Host code of a launcher: the guard of a static variable.
unsigned char __tsan_atomic8_load(const volatile unsigned char* address, int /*order*/) {
  return __atomic_load_n(address, __ATOMIC_SEQ_CST);
}

}  // extern "C"
