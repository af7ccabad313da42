#include "weights/import/tf_checkpoint.h"

#include <utility>

#include "weights/import/wire_reader.h"

namespace vggroove::weights {

std::unique_ptr<TensorSource> open_tf_checkpoint(const std::filesystem::path& path) {
  TableFile table(path);
  // What describes the second format begins with a number (its count of data files), what lists the
  // tensors of the first with a message.
  const auto description = table.find("").value_or(std::span<const std::byte>{});
  WireReader fields(description, path.native());
  const bool is_v2 = fields.next() && !fields.is_bytes();
  return is_v2 ? open_tf_v2(std::move(table)) : open_tf_v1(std::move(table));
}

}  // namespace vggroove::weights
