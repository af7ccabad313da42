#pragma once

#include <cstddef>

namespace vggroove::simt {

// A stack, and the place in it where execution stopped. The first fiber of a thread of the
// operating system is that thread itself: a Fiber without a stack of its own.
class Fiber {
 public:
  using Entry = void (*)();

  // The next switch here calls entry, which must never return, on this stack. A fiber may be
  // prepared again at any time while it does not run: what was on its stack is forgotten.
  void prepare(void* stack, std::size_t stack_bytes, Entry entry);

  // Stops here, goes on there. Returns when something switches back to `from`.
  static void switch_to(Fiber& from, Fiber& to);

  // The first thing that an entry does: tells AddressSanitizer that the switch is complete.
  static void arrived();

 private:
  static void arrived_with(void* fake_stack);

  void* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;
  void* context_ = nullptr;     // the stack pointer, or a ucontext_t within the stack
  void* fake_stack_ = nullptr;  // AddressSanitizer's

  static Fiber* left_;  // from which the last switch went
};

// Stacks for fibers, each above a page that may not be touched. Memory is reserved at once and
// taken when it is first used.
class FiberStacks {
 public:
  static constexpr std::size_t kStackBytes = 128 * 1024;

  explicit FiberStacks(std::size_t num_stacks);
  FiberStacks(const FiberStacks&) = delete;
  FiberStacks& operator=(const FiberStacks&) = delete;
  ~FiberStacks();

  // The usable part of stack i. Its end differs from stack to stack by some cache lines: stacks
  // whose ends are a power of two apart would all compete for the same few lines of the first-level
  // cache.
  void* stack(std::size_t i) const;
  std::size_t stack_bytes(std::size_t i) const;

  const void* begin() const { return memory_; }
  const void* end() const { return static_cast<const char*>(memory_) + bytes_; }

 private:
  void* memory_;
  std::size_t bytes_;
};

}  // namespace vggroove::simt
