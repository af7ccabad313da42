#include "kernels/simt/memory_map.h"

#include <link.h>

#include <algorithm>

namespace vggroove::simt {
namespace {

bool any_contains(const std::vector<AddressRange>& ranges, std::uintptr_t address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

struct ProgramData {
  std::uintptr_t code;  // any address of the program's code
  std::vector<AddressRange> writable, read_only;
};

int find_program_data(dl_phdr_info* info, std::size_t /*size*/, void* data) {
  auto& program = *static_cast<ProgramData*>(data);
  program.writable.clear();
  program.read_only.clear();
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD) {
      const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
      auto& ranges = (segment.p_flags & PF_W) != 0 ? program.writable : program.read_only;
      ranges.push_back({begin, begin + segment.p_memsz});
    }
  }
  return any_contains(program.read_only, program.code) ? 1 : 0;
}

}  // namespace

void MemoryMap::launch_begins(const Launch& launch, const ExecutorMemory& memory) {
  executor_ = memory;
  arguments_.begin = reinterpret_cast<std::uintptr_t>(launch.arguments);
  arguments_.end = arguments_.begin + launch.argument_bytes;
  ProgramData program{reinterpret_cast<std::uintptr_t>(launch.kernel), {}, {}};
  dl_iterate_phdr(find_program_data, &program);
  writable_ = std::move(program.writable);
  read_only_ = std::move(program.read_only);
}

Memory MemoryMap::kind_of(std::uintptr_t address) const {
  if (executor_.stacks.contains(address) || executor_.threads.contains(address) ||
      arguments_.contains(address) ||
      address == reinterpret_cast<std::uintptr_t>(&current_thread)) {
    return Memory::kPrivate;
  }
  if (executor_.dynamic_shared_capacity.contains(address)) {
    return executor_.dynamic_shared.contains(address) ? Memory::kShared : Memory::kBeyondShared;
  }
  if (any_contains(writable_, address)) {
    return Memory::kShared;
  }
  return any_contains(read_only_, address) ? Memory::kConstant : Memory::kGlobal;
}

}  // namespace vggroove::simt
