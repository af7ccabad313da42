// The kernels' tests once more on the simulator, which does not care whose memory a kernel gets:
// here each pointer among a kernel's parameters has to lie in a GuardedBuffer, as it must on a
// device.
#include <gtest/gtest.h>

#include <cstddef>
#include <iterator>
#include <map>
#include <new>

#include "kernels/simt/stream_player.h"
#include "tests/support/guarded_buffer.h"

namespace {

std::map<const std::byte*, std::size_t> live_buffers;  // their bytes

void* allocate(std::size_t bytes) {
  void* const memory = ::operator new(bytes);
  live_buffers[static_cast<const std::byte*>(memory)] = bytes;
  return memory;
}

void release(void* memory) {
  live_buffers.erase(static_cast<const std::byte*>(memory));
  ::operator delete(memory);
}

bool in_a_buffer(const void* pointer) {
  const auto* const address = static_cast<const std::byte*>(pointer);
  const auto after = live_buffers.upper_bound(address);
  if (after == live_buffers.begin()) {
    return false;
  }
  const auto& [begin, bytes] = *std::prev(after);
  return address < begin + bytes;
}

void play(vggroove::simt::StreamLaunch launch) {
  for (const vggroove::simt::PointerParameter& parameter : launch.pointers) {
    EXPECT_TRUE(parameter.pointer == nullptr || in_a_buffer(parameter.pointer))
        << "a kernel gets a pointer to the host's memory";
  }
  launch.run();
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  // Without examples conv1_pool_bwd sums no partials, from beyond the end of none.
  ::testing::GTEST_FLAG(filter) = "-Conv1Pool/*.no_examples_*:*Ref.*";
  vggroove::testing::buffer_memory = {allocate, release};
  vggroove::simt::stream_player = play;
  return RUN_ALL_TESTS();
}
