#include "kernels/simt/traffic_counter.h"

#include <algorithm>
#include <bit>
#include <span>

namespace vggroove::simt {
namespace {

constexpr unsigned kWarp = 32, kBanks = 32, kBankBytes = 4;
constexpr std::uintptr_t kSectorBytes = AccessHistory::kSectorBytes;

// A small set of numbers, for at most 32 lanes with at most 16 bytes, aligned or not.
class NumberSet {
 public:
  void insert(std::uintptr_t number) { numbers_[size_++] = number; }
  std::span<const std::uintptr_t> distinct() {
    std::sort(numbers_.begin(), numbers_.begin() + size_);
    size_ = std::unique(numbers_.begin(), numbers_.begin() + size_) - numbers_.begin();
    return {numbers_.data(), static_cast<std::size_t>(size_)};
  }

 private:
  std::array<std::uintptr_t, kWarp * 17> numbers_;
  std::ptrdiff_t size_ = 0;
};

template <class Visit>
void for_lanes(std::uint32_t lanes, Visit visit) {
  for (; lanes != 0; lanes &= lanes - 1) {
    visit(static_cast<unsigned>(std::countr_zero(lanes)));
  }
}

void insert_units(NumberSet& set, std::uintptr_t address, std::size_t bytes,
                  std::uintptr_t unit_bytes) {
  for (std::uintptr_t unit = address / unit_bytes; unit * unit_bytes < address + bytes; ++unit) {
    set.insert(unit);
  }
}

// Passes over the banks for lanes whose accesses go together: as many as the words that fall into
// the most crowded bank. Lanes that want the same word share it.
std::uint64_t bank_passes(NumberSet& words) {
  std::array<std::uint8_t, kBanks> in_bank{};
  for (const std::uintptr_t word : words.distinct()) {
    ++in_bank[word % kBanks];
  }
  return *std::max_element(in_bank.begin(), in_bank.end());
}

// 8-byte accesses take two halves of a warp in turn, 16-byte accesses four quarters.
unsigned lanes_per_phase(std::size_t bytes) {
  return bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8;
}

}  // namespace

Traffic& Traffic::operator+=(const Traffic& other) {
  requests += other.requests;
  bytes += other.bytes;
  transactions += other.transactions;
  ideal_transactions += other.ideal_transactions;
  return *this;
}

TrafficCounts& TrafficCounts::operator+=(const TrafficCounts& other) {
  global_read += other.global_read;
  global_write += other.global_write;
  shared_read += other.shared_read;
  shared_write += other.shared_write;
  atomics += other.atomics;
  return *this;
}

void TrafficCounter::launch_begins() {
  ++launch_;
  by_site_.clear();
  warps_.clear();
  sectors_read_ = sectors_written_ = 0;
}

void TrafficCounter::block_begins(unsigned num_threads) {
  warps_.resize((num_threads + kWarp - 1) / kWarp);
}

void TrafficCounter::note_footprint(const Access& access) {
  NumberSet sectors;
  insert_units(sectors, access.address, access.bytes, kSectorBytes);
  for (const std::uintptr_t sector : sectors.distinct()) {
    const std::uintptr_t address = sector * kSectorBytes;
    AccessHistory::Page& page = history_.page_of(address);
    if (page.launch != launch_) {
      page.launch = launch_;
      page.sectors_read.reset();
      page.sectors_written.reset();
    }
    const std::uintptr_t i = address % AccessHistory::kPageBytes / kSectorBytes;
    if (access.kind != AccessKind::kWrite && !page.sectors_read[i]) {
      page.sectors_read[i] = true;
      ++sectors_read_;
    }
    if (access.kind != AccessKind::kRead && !page.sectors_written[i]) {
      page.sectors_written[i] = true;
      ++sectors_written_;
    }
  }
}

void TrafficCounter::access(const Thread& thread, const Access& access) {
  if (access.memory == Memory::kGlobal) {
    note_footprint(access);
  }
  if (access.site >= by_site_.size()) {
    by_site_.resize(access.site + 1);
  }
  if (access.kind == AccessKind::kAtomic) {
    ++by_site_[access.site].atomics;
    return;
  }
  Warp& warp = warps_[thread.warp()];
  if (access.site >= warp.instructions.size()) {
    warp.instructions.resize(access.site + 1);
  }
  Instruction& instruction = warp.instructions[access.site];
  const unsigned lane = thread.lane();
  const std::uint32_t n = instruction.num_accesses[lane]++;
  if (n == instruction.requests.size()) {
    if (n == 0) {
      warp.pending.push_back(access.site);
    }
    instruction.requests.push_back({.kind = access.kind, .memory = access.memory});
  }
  Request& request = instruction.requests[n];
  request.lanes |= 1u << lane;
  request.bytes[lane] = static_cast<std::uint8_t>(access.bytes);
  request.address[lane] = access.address;
}

void TrafficCounter::count(std::uint32_t site, const Request& request) {
  Traffic traffic;
  traffic.requests = 1;
  std::size_t largest = 0;
  for_lanes(request.lanes, [&](unsigned lane) {
    traffic.bytes += request.bytes[lane];
    largest = std::max<std::size_t>(largest, request.bytes[lane]);
  });
  TrafficCounts& counts = by_site_[site];
  const bool is_read = request.kind == AccessKind::kRead;
  if (request.memory == Memory::kGlobal) {
    NumberSet sectors, bytes;
    for_lanes(request.lanes, [&](unsigned lane) {
      insert_units(sectors, request.address[lane], request.bytes[lane], kSectorBytes);
      insert_units(bytes, request.address[lane], request.bytes[lane], 1);
    });
    traffic.transactions = sectors.distinct().size();
    traffic.ideal_transactions = (bytes.distinct().size() + kSectorBytes - 1) / kSectorBytes;
    (is_read ? counts.global_read : counts.global_write) += traffic;
  } else {
    const unsigned step = lanes_per_phase(largest);
    for (unsigned first = 0; first < kWarp; first += step) {
      const std::uint32_t phase = request.lanes & (step == 32 ? ~0u : ((1u << step) - 1) << first);
      if (phase != 0) {
        NumberSet words;
        for_lanes(phase, [&](unsigned lane) {
          insert_units(words, request.address[lane], request.bytes[lane], kBankBytes);
        });
        traffic.transactions += bank_passes(words);
        ++traffic.ideal_transactions;
      }
    }
    (is_read ? counts.shared_read : counts.shared_write) += traffic;
  }
}

void TrafficCounter::warp_met(unsigned warp_number) {
  Warp& warp = warps_[warp_number];
  for (const std::uint32_t site : warp.pending) {
    Instruction& instruction = warp.instructions[site];
    for (const Request& request : instruction.requests) {
      count(site, request);
    }
    instruction.requests.clear();
    instruction.num_accesses.fill(0);
  }
  warp.pending.clear();
}

void TrafficCounter::barrier_passed() {
  for (unsigned warp = 0; warp < warps_.size(); ++warp) {
    warp_met(warp);
  }
}

TrafficCounts TrafficCounter::total() const {
  TrafficCounts total;
  for (const TrafficCounts& site : by_site_) {
    total += site;
  }
  return total;
}

std::uint64_t TrafficCounter::footprint_read_bytes() const {
  return sectors_read_ * kSectorBytes;
}

std::uint64_t TrafficCounter::footprint_write_bytes() const {
  return sectors_written_ * kSectorBytes;
}

}  // namespace vggroove::simt
