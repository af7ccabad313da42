#pragma once

#include <memory>

#include "weights/import/table_file.h"
#include "weights/import/tensor_source.h"

namespace vggroove::weights {

// TensorFlow's first checkpoint format: one file, a table whose key "" holds the list of tensors
// and whose other values hold slices of them. Reads fp32, fp64 and fp16; lists the rest.
std::unique_ptr<TensorSource> open_tf_v1(TableFile table);

// The second format: PREFIX.index is a table of shapes and places; the numbers lie in
// PREFIX.data-00000-of-0000N beside it.
std::unique_ptr<TensorSource> open_tf_v2(TableFile table);

// Opens either, told apart by the entry "". Throws Error as TableFile does.
std::unique_ptr<TensorSource> open_tf_checkpoint(const std::filesystem::path& path);

}  // namespace vggroove::weights
