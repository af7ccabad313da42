#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "train/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* group_column : {"", "artist"}) {
    try {
      for (const auto& file : vggroove::parse_manifest(text, "data/set.csv", group_column)) {
        if (file.path.empty() || file.label.empty()) {
          std::abort();  // a file without a path or a label got through
        }
      }
    } catch (const vggroove::Error&) {
      // What a broken manifest is meant to end in.
    }
  }
  return 0;
}
