#include "kernels/simt/dynamic_shared.h"

#include <cstring>
#include <new>

#include "kernels/simt/address_sanitizer.h"

namespace vggroove::simt {

DynamicShared::DynamicShared()
    : memory_(
          static_cast<std::byte*>(::operator new (kCapacityBytes, std::align_val_t{kAlignment}))) {}

void DynamicShared::Free::operator()(std::byte* memory) const {
  ::operator delete (memory, std::align_val_t{kAlignment});
}

void DynamicShared::block_begins(std::size_t bytes) {
#ifdef VGGROOVE_SIMT_ASAN
  ASAN_UNPOISON_MEMORY_REGION(memory_.get(), bytes);
  ASAN_POISON_MEMORY_REGION(memory_.get() + bytes, kCapacityBytes - bytes);
#endif
  std::memset(memory_.get(), 0xff, bytes);
}

}  // namespace vggroove::simt
