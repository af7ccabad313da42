#include "kernels/simt/race_detector.h"

#include <algorithm>

#include "kernels/simt/source_line.h"

namespace vggroove::simt {
namespace {

constexpr unsigned kWarp = 32;

}  // namespace

void RaceDetector::launch_begins(dim3 grid) {
  grid_ = grid;
  first_block_of_launch_ = block_ + 1;
  block_numbers_.clear();
  atomics_.clear();
  findings_.clear();
}

void RaceDetector::block_begins(std::uint64_t block, unsigned num_threads) {
  ++block_;
  epoch_ = 0;
  block_numbers_.push_back(block);
  lane_times_.resize(num_threads);
  has_fenced_.assign(num_threads, false);
  acquisitions_.clear();
  barrier_passed();
}

void RaceDetector::barrier_passed() {
  ++epoch_;
  for (std::size_t i = 0; i < lane_times_.size(); ++i) {
    lane_times_[i].fill(0);
    lane_times_[i][i % kWarp] = 1;
  }
}

void RaceDetector::lanes_synchronised(unsigned warp, unsigned lanes) {
  std::array<std::uint16_t, kWarp> joined{};
  const std::size_t first = warp * kWarp;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((lanes >> lane & 1) != 0) {
      for (unsigned i = 0; i < kWarp; ++i) {
        joined[i] = std::max(joined[i], lane_times_[first + lane][i]);
      }
    }
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((lanes >> lane & 1) != 0) {
      lane_times_[first + lane] = joined;
      ++lane_times_[first + lane][lane];
    }
  }
}

void RaceDetector::fenced(const Thread& thread) {
  has_fenced_[thread.linear_idx] = true;
}

void RaceDetector::note_atomic(const Thread& thread, std::uintptr_t address) {
  AtomicLocation& location = atomics_[address];
  const auto number = static_cast<std::uint16_t>(thread.linear_idx);
  acquisitions_.push_back({&location, location.num_operations, epoch_, number});
  ++location.num_operations;
  if (has_fenced_[number]) {
    location.releases[block_].push_back({epoch_, number, location.num_operations - 1});
  }
}

// Whether this thread, or through a barrier another of its block, met an atomic after a release
// that covers the past access.
bool RaceDetector::is_acquired(const PastAccess& past, const Thread& thread) const {
  for (const Acquisition& acquisition : acquisitions_) {
    if (acquisition.thread != thread.linear_idx && acquisition.epoch == epoch_) {
      continue;
    }
    const auto releases = acquisition.location->releases.find(past.block);
    if (releases == acquisition.location->releases.end()) {
      continue;
    }
    for (const Release& release : releases->second) {
      if (release.sequence < acquisition.before &&
          (past.epoch < release.epoch ||
           (past.epoch == release.epoch && past.thread == release.thread))) {
        return true;
      }
    }
  }
  return false;
}

bool RaceDetector::is_ordered(const PastAccess& past, const Thread& thread, Memory memory) const {
  if (past.block < first_block_of_launch_) {
    return true;
  }
  if (past.block != block_) {
    return memory == Memory::kShared || is_acquired(past, thread);
  }
  return past.thread == thread.linear_idx || past.epoch < epoch_ ||
         (past.thread / kWarp == thread.warp() &&
          past.lane_time <= lane_times_[thread.linear_idx][past.thread % kWarp]) ||
         is_acquired(past, thread);
}

void RaceDetector::check(const PastAccess& past, AccessKind past_kind, const Thread& thread,
                         const Access& access) {
  if (past.block != 0 && !(past.is_atomic && access.kind == AccessKind::kAtomic) &&
      !is_ordered(past, thread, access.memory)) {
    add(Trouble::kRace, thread, access, past, past.is_atomic ? AccessKind::kAtomic : past_kind);
  }
}

// Of the reads that a later write may conflict with, the last, and the last of another warp or
// block; of another lane, if there is no such.
void RaceDetector::remember_read(Cell& cell, const PastAccess& now) const {
  const PastAccess &last = cell.read, &other = cell.other_read;
  const auto is_current = [&](const PastAccess& a) {
    return a.block == now.block && a.epoch == now.epoch;
  };
  if (last.block != now.block || last.thread != now.thread) {
    const bool other_is_stale = other.block == 0 ||
                                (other.block == now.block && !is_current(other)) ||
                                other.block < first_block_of_launch_;
    const bool is_of_another_warp =
        last.block != now.block || last.thread / kWarp != now.thread / kWarp;
    if (last.block >= first_block_of_launch_ && (other_is_stale || is_of_another_warp)) {
      cell.other_read = last;
    }
  }
  cell.read = now;
}

void RaceDetector::access(const Thread& thread, const Access& access) {
  if (access.kind == AccessKind::kAtomic) {
    note_atomic(thread, access.address);
  }
  PastAccess now;
  now.block = block_;
  now.epoch = epoch_;
  now.site = access.site;
  now.thread = static_cast<std::uint16_t>(thread.linear_idx);
  now.lane_time = lane_times_[thread.linear_idx][thread.lane()];
  now.is_atomic = access.kind == AccessKind::kAtomic;
  if (access.memory == Memory::kBeyondShared) {
    add(Trouble::kBeyondShared, thread, access, now, access.kind);
    return;
  }
  history_.visit(access.address, access.bytes, [&](Cell& cell) {
    if (access.memory == Memory::kShared && cell.write.block != block_ &&
        access.kind != AccessKind::kWrite) {
      add(Trouble::kUninitialised, thread, access, now, access.kind);
    }
    check(cell.write, AccessKind::kWrite, thread, access);
    if (access.kind == AccessKind::kRead) {
      remember_read(cell, now);
    } else {
      check(cell.read, AccessKind::kRead, thread, access);
      check(cell.other_read, AccessKind::kRead, thread, access);
      cell.write = now;
    }
  });
}

void RaceDetector::add(Trouble trouble, const Thread& thread, const Access& access,
                       const PastAccess& past, AccessKind past_kind) {
  Finding& finding = findings_[{trouble, access.site, past.site}];
  if (finding.count++ == 0) {
    finding.kind = access.kind;
    finding.past_kind = past_kind;
    finding.memory = access.memory;
    finding.block = block_numbers_.back();
    finding.past_block = block_numbers_[past.block - first_block_of_launch_];
    finding.thread = thread.linear_idx;
    finding.past_thread = past.thread;
  }
}

std::vector<std::string> RaceDetector::findings(const std::vector<const void*>& sites) const {
  static constexpr const char* kVerbs[] = {"reads", "writes", "updates atomically"};
  static constexpr const char* kPastVerbs[] = {"has read", "has written", "has updated atomically"};
  const auto block_name = [&](std::uint64_t block) {
    return "block (" + std::to_string(block % grid_.x) + ',' +
           std::to_string(block / grid_.x % grid_.y) + ',' +
           std::to_string(block / grid_.x / grid_.y) + ')';
  };
  std::vector<std::string> lines;
  for (const auto& [key, finding] : findings_) {
    const auto [trouble, site, past_site] = key;
    std::string line = block_name(finding.block) + ", thread " + std::to_string(finding.thread) +
                       ' ' + kVerbs[static_cast<int>(finding.kind)];
    line += finding.memory == Memory::kGlobal ? " global memory at " : " shared memory at ";
    line += source_line(sites[site]).place;
    switch (trouble) {
      case Trouble::kRace:
        line += " that ";
        line += finding.past_block == finding.block ? "" : block_name(finding.past_block) + ", ";
        line += "thread " + std::to_string(finding.past_thread) + ' ' +
                kPastVerbs[static_cast<int>(finding.past_kind)] + " at " +
                source_line(sites[past_site]).place + ", and nothing orders the two";
        break;
      case Trouble::kUninitialised:
        line += " that the block has not written";
        break;
      case Trouble::kBeyondShared:
        line += " behind the dynamic shared memory of the launch";
        break;
    }
    lines.push_back(line + " (" + std::to_string(finding.count) + " times)");
  }
  return lines;
}

}  // namespace vggroove::simt
