#include "kernels/simt/block.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/source_line.h"

namespace vggroove::simt {
namespace {

constexpr unsigned kWarp = 32;

std::string triple(unsigned x, unsigned y, unsigned z) {
  std::string text = "(";
  text.append(std::to_string(x)).append(",").append(std::to_string(y)).append(",");
  return text.append(std::to_string(z)).append(")");
}

// The block whose threads run: fibers start without arguments.
Block* running_block = nullptr;

}  // namespace

Block::Block() : stacks_(kMaxThreads) {
  threads_.reserve(kMaxThreads);
}

AddressRange Block::stacks() const {
  return {reinterpret_cast<std::uintptr_t>(stacks_.begin()),
          reinterpret_cast<std::uintptr_t>(stacks_.end())};
}

AddressRange Block::threads() const {
  return {reinterpret_cast<std::uintptr_t>(threads_.data()),
          reinterpret_cast<std::uintptr_t>(threads_.data() + kMaxThreads)};
}

void Block::set_order(Order order, std::uint64_t seed) {
  order_ = order;
  random_.seed(seed);
}

void Block::thread_main() {
  Block& block = *running_block;
  Fiber::arrived();
  for (;;) {  // once per block
    block.launch_->run_thread(block.launch_->arguments);
    block.running_->state = State::kEnded;
    ++block.num_ended_;
    block.let_others_run();
  }
}

void Block::prepare_fibers(unsigned num_threads) {
  while (threads_.size() < num_threads) {
    const std::size_t i = threads_.size();
    threads_.emplace_back();
    threads_[i].fiber.prepare(stacks_.stack(i), stacks_.stack_bytes(i), thread_main);
  }
}

void Block::place_threads(const Launch& launch, uint3 block_idx) {
  launch_ = &launch;
  block_idx_ = block_idx;
  num_threads_ = launch.block.x * launch.block.y * launch.block.z;
  num_ended_ = num_at_barrier_ = barrier_count_ = 0;
  barrier_votes_[0] = barrier_votes_[1] = 0;
  prepare_fibers(num_threads_);
  turn_order_.resize(num_threads_);
  for (unsigned i = 0; i < num_threads_; ++i) {
    turn_order_[i] = order_ == Order::kReverse ? num_threads_ - 1 - i : i;
    SimulatedThread& t = threads_[i];
    t.thread = {.thread_idx = {i % launch.block.x, i / launch.block.x % launch.block.y,
                               i / launch.block.x / launch.block.y},
                .block_idx = block_idx,
                .block_dim = launch.block,
                .grid_dim = launch.grid,
                .linear_idx = i};
    t.state = State::kReady;
  }
  if (order_ == Order::kRandom) {
    std::shuffle(turn_order_.begin(), turn_order_.end(), random_);
  }
  meetings_.resize((kMaxThreads + kWarp - 1) / kWarp);
}

void Block::run(const Launch& launch, uint3 block_idx) {
  place_threads(launch, block_idx);
  running_block = this;
  host_ = Fiber();  // perhaps another thread than the last time
  try {
    take_turns();
  } catch (...) {
    threads_.clear();  // the fibers stopped in the middle of a kernel, and are never resumed
    meetings_.clear();
    two_sites_[0] = two_sites_[1] = nullptr;
    current_thread = nullptr;
    throw;
  }
  current_thread = nullptr;
}

void Block::take_turns() {
  turn_ = 0;
  SimulatedThread* next = &threads_[turn_order_[0]];
  for (;;) {
    running_ = next;
    current_thread = &next->thread;
    Fiber::switch_to(host_, next->fiber);
    next = running_;
    switch (stop_) {
      case Stop::kNoneReady:
        if (num_ended_ == num_threads_) {
          return;
        }
        report_stuck();
      case Stop::kTwoSites:
        // Compilers copy code: two calls of one source line are the same barrier.
        if (source_line(two_sites_[0]).place != source_line(two_sites_[1]).place) {
          throw Error(ErrorClass::kInvalid, where() + ": threads meet at different places: " +
                                                source_line(two_sites_[0]).place + " and " +
                                                source_line(two_sites_[1]).place + "; " + states());
        }
        break;
      case Stop::kFailed: {
        const uint3 t = next->thread.thread_idx;
        throw Error(ErrorClass::kInvalid, where() + ": thread " + triple(t.x, t.y, t.z) + " " +
                                              failure_ + ", " + source_line(next->site).place);
      }
    }
  }
}

void Block::go_to(SimulatedThread& next) {
  SimulatedThread& from = *running_;
  running_ = &next;
  current_thread = &next.thread;
  Fiber::switch_to(from.fiber, next.fiber);
}

void Block::stop(Stop why) {
  stop_ = why;
  Fiber::switch_to(running_->fiber, host_);
}

void Block::let_others_run() {
  for (unsigned i = 0; i < num_threads_; ++i) {
    if (++turn_ == num_threads_) {
      turn_ = 0;
      if (order_ == Order::kRandom) {
        std::shuffle(turn_order_.begin(), turn_order_.end(), random_);
      }
    }
    SimulatedThread& next = threads_[turn_order_[turn_]];
    if (next.state == State::kReady) {
      if (&next != running_) {
        go_to(next);
      }
      return;
    }
  }
  stop(Stop::kNoneReady);
}

void Block::check_same_site(const void* first, const void* second) {
  if (first != second && (first != two_sites_[0] || second != two_sites_[1])) {
    two_sites_[0] = first;
    two_sites_[1] = second;
    stop(Stop::kTwoSites);  // returns if they are the same line
  }
}

void Block::release_barrier() {
  num_at_barrier_ = 0;
  ++barrier_count_;
  barrier_votes_[barrier_count_ % 2] = 0;
  for (unsigned i = 0; i < num_threads_; ++i) {
    threads_[i].state = State::kReady;
  }
  if (observer != nullptr) {
    observer->barrier_passed();
  }
}

void Block::wait_at_barrier(const void* site) {
  running_->site = site;
  running_->state = State::kAtBarrier;
  if (num_at_barrier_ == 0) {
    barrier_site_ = site;
  } else {
    check_same_site(barrier_site_, site);
  }
  if (++num_at_barrier_ == num_threads_) {
    release_barrier();
    if (order_ == Order::kForward) {
      return;  // the last thread goes on at once; other orders start a round of turns
    }
  }
  let_others_run();
}

BarrierVotes Block::vote_at_barrier(bool predicate, const void* site) {
  int& votes = barrier_votes_[barrier_count_ % 2];
  votes += predicate ? 1 : 0;
  wait_at_barrier(site);
  return {votes, static_cast<int>(num_threads_)};
}

unsigned Block::existing_lanes(unsigned warp) const {
  const unsigned lanes = std::min(kWarp, num_threads_ - warp * kWarp);
  return lanes == kWarp ? ~0u : (1u << lanes) - 1;
}

Block::Meeting& Block::meeting_of(unsigned warp, unsigned mask) {
  for (Meeting& meeting : meetings_[warp]) {
    if (meeting.mask == mask) {
      return meeting;
    }
  }
  Meeting& meeting = meetings_[warp].emplace_back();
  meeting.mask = mask;
  return meeting;
}

WarpValues Block::meet(unsigned mask, std::uint64_t value, WarpOperation operation,
                       const void* site) {
  SimulatedThread& me = *running_;
  const unsigned lane = me.thread.lane(), warp = me.thread.warp();
  mask &= existing_lanes(warp);
  if ((mask >> lane & 1) == 0) {
    fail("calls a warp operation whose mask does not have its lane", site);
  }
  Meeting& meeting = meeting_of(warp, mask);
  me.site = site;
  me.meeting = &meeting;
  if (meeting.arrived == 0) {
    meeting.site = site;
    meeting.operation = operation;
  } else {
    check_same_site(meeting.site, site);
    if (meeting.operation != operation) {
      fail("calls another warp operation than the lanes that it meets", site);
    }
  }
  const unsigned parity = meeting.count % 2;
  meeting.values[parity][lane] = value;
  const unsigned others = meeting.arrived == 0 ? 0 : meeting.votes[parity];
  meeting.votes[parity] = others | static_cast<unsigned>(value & 1) << lane;
  meeting.arrived |= 1u << lane;
  if (meeting.arrived == mask) {
    meeting.arrived = 0;
    ++meeting.count;
    for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
      SimulatedThread& other = threads_[warp * kWarp + std::countr_zero(rest)];
      if (other.state == State::kAtMeeting) {
        other.state = State::kReady;
      }
    }
    if (observer != nullptr) {
      observer->lanes_met(warp, mask, existing_lanes(warp), operation);
    }
    if (order_ != Order::kForward) {
      let_others_run();
    }
  } else {
    me.state = State::kAtMeeting;
    let_others_run();
  }
  return {meeting.values[parity], meeting.votes[parity], mask};
}

void Block::fail(const char* what, const void* site) {
  running_->site = site;
  failure_ = what;
  for (;;) {
    stop(Stop::kFailed);  // run() does not come back
  }
}

std::string Block::where() const {
  return "kernel " + function_name(launch_->kernel) + ", block " +
         triple(block_idx_.x, block_idx_.y, block_idx_.z);
}

std::string Block::states() const {
  std::string text;
  for (unsigned begin = 0, end; begin < num_threads_; begin = end) {
    const SimulatedThread& first = threads_[begin];
    const bool waits = first.state == State::kAtBarrier || first.state == State::kAtMeeting;
    const auto like_first = [&](const SimulatedThread& t) {
      return t.state == first.state && (!waits || t.site == first.site) &&
             (first.state != State::kAtMeeting || t.meeting == first.meeting);
    };
    end = begin + 1;
    while (end < num_threads_ && like_first(threads_[end])) {
      ++end;
    }
    text += text.empty() ? "" : ", ";
    text += end - begin == 1 ? "thread " + std::to_string(begin)
                             : "threads " + std::to_string(begin) + "-" + std::to_string(end - 1);
    switch (first.state) {
      case State::kEnded:
        text += end - begin == 1 ? " has ended" : " have ended";
        break;
      case State::kReady:
        text += " could go on";
        break;
      case State::kAtBarrier:
        text += " at the barrier of " + source_line(first.site).place;
        break;
      case State::kAtMeeting:
        text += " at the warp operation of " + source_line(first.site).place;
        break;
    }
  }
  return text;
}

void Block::report_stuck() const {
  throw Error(ErrorClass::kInvalid, where() + ": " + std::to_string(num_threads_ - num_ended_) +
                                        " of " + std::to_string(num_threads_) +
                                        " threads wait for ever: " + states());
}

}  // namespace vggroove::simt
