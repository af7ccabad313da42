#include "kernels/simt/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>

#include "base/error.h"
#include "kernels/simt/address_sanitizer.h"

#if !defined(__x86_64__) || defined(VGGROOVE_SIMT_UCONTEXT)
#include <ucontext.h>
#endif

namespace vggroove::simt {
namespace {

#if defined(__x86_64__) && !defined(VGGROOVE_SIMT_UCONTEXT)

// Saves what the System V ABI lets a called function expect to find again, changes stacks,
// restores. 50 times quicker than swapcontext, which asks the kernel for the signal mask each time.
extern "C" void vggroove_simt_switch(void** from_stack_pointer, void* to_stack_pointer);
asm(R"(
.text
.globl vggroove_simt_switch
.type vggroove_simt_switch,@function
vggroove_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size vggroove_simt_switch,.-vggroove_simt_switch
)");

void* initial_context(void* stack, std::size_t stack_bytes, Fiber::Entry entry) {
  auto* top = reinterpret_cast<std::uintptr_t*>(
      (reinterpret_cast<std::uintptr_t>(stack) + stack_bytes) & ~std::uintptr_t{15});
  top[-1] = 0;  // the entry's return address: it never returns
  top[-2] = reinterpret_cast<std::uintptr_t>(entry);
  constexpr int kSavedRegisters = 6;
  std::memset(top - 2 - kSavedRegisters, 0, kSavedRegisters * sizeof *top);
  return top - 2 - kSavedRegisters;
}

void switch_context(void** from, void** to) {
  vggroove_simt_switch(from, *to);
}

#else

// Any other processor, and wherever VGGROOVE_SIMT_UCONTEXT is defined. About 50 times slower per
// switch: it suffices for tests.
void* initial_context(void* stack, std::size_t stack_bytes, Fiber::Entry entry) {
  auto* context = new (stack) ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = static_cast<char*>(stack) + sizeof(ucontext_t);
  context->uc_stack.ss_size = stack_bytes - sizeof(ucontext_t);
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

void switch_context(void** from, void** to) {
  ucontext_t here;  // lives on the stack that is being left, so until it is entered again
  if (*from == nullptr) {
    *from = &here;
  }
  swapcontext(static_cast<ucontext_t*>(*from), static_cast<ucontext_t*>(*to));
  if (*from == &here) {
    *from = nullptr;
  }
}

#endif

}  // namespace

Fiber* Fiber::left_ = nullptr;

void Fiber::prepare(void* stack, std::size_t stack_bytes, Entry entry) {
#ifdef VGGROOVE_SIMT_ASAN
  ASAN_UNPOISON_MEMORY_REGION(stack, stack_bytes);  // an abandoned fiber leaves red zones
#endif
  stack_ = stack;
  stack_bytes_ = stack_bytes;
  fake_stack_ = nullptr;
  context_ = initial_context(stack, stack_bytes, entry);
}

void Fiber::switch_to(Fiber& from, Fiber& to) {
#ifdef VGGROOVE_SIMT_ASAN
  left_ = &from;
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.stack_, to.stack_bytes_);
#endif
  switch_context(&from.context_, &to.context_);
#ifdef VGGROOVE_SIMT_ASAN
  arrived_with(from.fake_stack_);
#endif
}

void Fiber::arrived() {
  arrived_with(nullptr);
}

void Fiber::arrived_with([[maybe_unused]] void* fake_stack) {
#ifdef VGGROOVE_SIMT_ASAN
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
  if (left_->stack_bytes_ == 0) {  // the operating system's thread: now we know its stack
    left_->stack_ = const_cast<void*>(bottom);
    left_->stack_bytes_ = bytes;
  }
#endif
}

namespace {
const std::size_t kPageBytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
std::size_t pitch_bytes() {
  return FiberStacks::kStackBytes + kPageBytes;
}
// 17 lines are odd in lines, so that 64 stacks end in 64 different lines of a page.
std::size_t end_offset_bytes(std::size_t i) {
  return i % 64 * 17 * 64 % 4096;
}
}  // namespace

FiberStacks::FiberStacks(std::size_t num_stacks) : bytes_(num_stacks * pitch_bytes()) {
  memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) {
    throw Error(ErrorClass::kIo, std::string("cannot reserve stacks for simulated threads: ") +
                                     std::strerror(errno));
  }
  for (std::size_t i = 0; i < num_stacks; ++i) {
    mprotect(static_cast<char*>(memory_) + i * pitch_bytes(), kPageBytes, PROT_NONE);
  }
}

FiberStacks::~FiberStacks() {
  munmap(memory_, bytes_);
}

void* FiberStacks::stack(std::size_t i) const {
  return static_cast<char*>(memory_) + i * pitch_bytes() + kPageBytes;
}

std::size_t FiberStacks::stack_bytes(std::size_t i) const {
  return kStackBytes - end_offset_bytes(i);
}

}  // namespace vggroove::simt
