#include "engine/backends/sim/kernel_launches.h"

#include <utility>
#include <vector>

#include "engine/backends/sim/simulator.h"
#include "kernels/simt/stream_player.h"

namespace vggroove::sim {
namespace {

void launch_into_stream(simt::StreamLaunch launch) {
  Simulator& gpu = Simulator::get();
  const auto lock = gpu.lock();
  if (gpu.lost()) {
    return;  // as on a device: the next synchronisation tells
  }
  std::vector<Access> accesses;
  for (const simt::PointerParameter& parameter : launch.pointers) {
    if (parameter.pointer != nullptr) {
      // How far the kernel reaches from here is unknown: the first byte stands for all.
      accesses.push_back({parameter.pointer, 1, parameter.writable});
    }
  }
  gpu.submit(launch.stream, {{nullptr, launch.kernel}, std::move(accesses), std::move(launch.run)});
}

}  // namespace

void take_kernel_launches() {
  simt::stream_player = launch_into_stream;
}

}  // namespace vggroove::sim
