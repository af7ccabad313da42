#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/import/golden.h"
#include "tests/weights/import/pickle_text.h"
#include "weights/import/open_source.h"
#include "weights/zip_writer.h"

namespace vggroove::weights::testing {
namespace {

using namespace pickle;
using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

class HostileTorchFile : public ::testing::Test {
 protected:
  std::unique_ptr<TensorSource> open_legacy(const std::string& bytes) {
    std::ofstream(folder_ / "m.pth", std::ios::binary) << bytes;
    return open_tensor_source(folder_ / "m.pth");
  }
  std::unique_ptr<TensorSource> open_zip(const std::map<std::string, std::string>& members) {
    ZipWriter zip(folder_ / "m.pth");
    for (const auto& [name, bytes] : members) {
      zip.begin_member(name, bytes.size());
      zip.append(std::as_bytes(std::span(bytes)));
    }
    zip.commit();
    return open_tensor_source(folder_ / "m.pth");
  }
  void expect_corrupt(const std::string& object, const std::string& words) {
    expect_error(ErrorClass::kCorrupt, words, [&] { open_legacy(legacy_file(object)); });
  }

  TemporaryFolder folder_;
};

TEST_F(HostileTorchFile, that_is_harmless_is_read) {
  const std::string object = dictionary("x", tensor(storage("k", 2), 0, {2}, {1}));
  const auto source = open_legacy(
      legacy_file(object, joined("]", text("k"), "a"),
                  little_endian<std::int64_t>(2) + little_endian(1.5F) + little_endian(-2.0F)));
  EXPECT_EQ(to_floats(source->read("x")), (std::vector<float>{1.5F, -2.0F}));
}

TEST_F(HostileTorchFile, may_not_reach_beyond_its_storage) {
  const auto object = [](std::int64_t offset, std::initializer_list<std::int64_t> shape,
                         std::initializer_list<std::int64_t> strides) {
    return dictionary("x", tensor(storage("k", 8), offset, shape, strides));
  };
  expect_corrupt(object(0, {9}, {1}), "needs more than the 8 elements of its storage");
  expect_corrupt(object(1, {8}, {1}), "reaches beyond the 8 elements");
  expect_corrupt(object(8, {1}, {1}), "begins beyond its storage");
  expect_corrupt(object(9, {0}, {1}), "begins beyond its storage");
  expect_corrupt(object(0, {2, 2}, {7, 1}), "reaches beyond");
  expect_corrupt(object(0, {2}, {kHuge}), "reaches beyond");
  expect_corrupt(object(0, {3}, {kHuge / 2 + 1}), "reaches beyond");
  expect_corrupt(object(kHuge, {1}, {1}), "begins beyond");
  expect_corrupt(object(-1, {1}, {1}), "shape, strides or place are damaged");
  expect_corrupt(object(7, {2}, {-1}), "shape, strides or place are damaged");
  expect_corrupt(object(0, {-1}, {1}), "shape, strides or place are damaged");
  expect_corrupt(object(0, {2, 2}, {1}), "shape, strides or place are damaged");
  // A view that shows one element a billion times.
  expect_corrupt(object(0, {1'000'000'000}, {0}), "needs more than the 8 elements");
  expect_corrupt(object(0, {kHuge, kHuge, 2}, {0, 0, 0}), "impossible tensor shape");
}

TEST_F(HostileTorchFile, with_a_stride_that_is_never_taken_is_read) {
  const std::string object = dictionary("x", tensor(storage("k", 2), 1, {1, 1}, {kHuge, kHuge}));
  const auto source = open_legacy(
      legacy_file(object, joined("]", text("k"), "a"),
                  little_endian<std::int64_t>(2) + little_endian(1.0F) + little_endian(2.0F)));
  EXPECT_EQ(to_floats(source->read("x")), std::vector<float>{2.0F});
}

TEST_F(HostileTorchFile, may_not_claim_storages_that_are_not_there) {
  const auto file = [](std::int64_t in_pickle, std::int64_t in_file, const std::string& keys,
                       const std::string& numbers_text) {
    return legacy_file(dictionary("x", tensor(storage("k", in_pickle), 0, {2}, {1})), keys,
                       little_endian(in_file) + numbers_text);
  };
  const std::string key = joined("]", text("k"), "a");
  const std::string two = little_endian(1.0F) + little_endian(2.0F);
  expect_error(ErrorClass::kCorrupt, "storage \"k\" has 3 elements",
               [&] { open_legacy(file(2, 3, key, two)); });
  expect_error(ErrorClass::kCorrupt, "the file has 8 bytes left",
               [&] { open_legacy(file(kHuge, kHuge, key, two)); });
  expect_error(ErrorClass::kCorrupt, "",
               [&] { open_legacy(file(kHuge / 4, kHuge / 4, key, two)); });
  expect_error(ErrorClass::kCorrupt, "storage \"k\" has 2 elements",
               [&] { open_legacy(file(2, 2, key, "")); });
  expect_error(ErrorClass::kCorrupt, "does not fit its tensors",
               [&] { open_legacy(file(2, 2, joined("]", text("other"), "a"), two)); });
  expect_error(ErrorClass::kCorrupt, "does not fit its tensors", [&] {
    open_legacy(file(2, 2, joined("]", text("k"), "a", text("k"), "a"), two + two));
  });
  expect_error(ErrorClass::kCorrupt, "the list of its storages is damaged",
               [&] { open_legacy(file(2, 2, "N", two)); });
  const auto source = open_legacy(file(2, 2, "]", two));
  expect_error(ErrorClass::kCorrupt, "the numbers of tensor \"x\" are missing",
               [&] { source->read("x"); });
}

TEST_F(HostileTorchFile, may_not_describe_a_storage_in_two_ways) {
  const std::string object =
      joined("}", text("x"), tensor(storage("k", 2), 0, {2}, {1}), "s", text("y"),
             tensor(storage("k", 2, "DoubleStorage"), 0, {2}, {1}), "s");
  expect_corrupt(object, "storage \"k\" is described in two ways");
}

TEST_F(HostileTorchFile, of_another_kind_is_refused) {
  const auto expect_unsupported = [&](const std::string& bytes, const std::string& words) {
    expect_error(ErrorClass::kUnsupported, words, [&] { open_legacy(bytes); });
  };
  expect_unsupported(complete(integer(5)), "a pickle that torch.save did not write");
  expect_unsupported(legacy_file("N"), "holds no dictionary of tensors");
  expect_unsupported(legacy_file("}"), "holds no dictionary of tensors");
  expect_unsupported(legacy_file(dictionary("x", "N")), "holds no dictionary of tensors");
  const std::string magic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
  expect_unsupported(complete(magic) + complete(integer(7)), "than 1001");
  expect_unsupported(complete(magic) + complete(integer(1001)) +
                         complete(joined("}", text("little_endian"), "\x89s")),
                     "big-endian");
  expect_corrupt(dictionary("x", tensor("N", 0, {1}, {1})), "are damaged");
  expect_corrupt(dictionary("x", tensor(storage("k", -1), 0, {1}, {1})), "its storage is damaged");
  expect_error(ErrorClass::kUnsupported, "torch.ComplexFloatStorage",
               [&] { open_legacy(legacy_file(storage("k", 1, "ComplexFloatStorage"))); });
}

TEST_F(HostileTorchFile, of_zip_form_must_hold_what_its_pickle_says) {
  const std::string object = complete(dictionary("x", tensor(storage("0", 2), 0, {2}, {1})));
  const std::string two = little_endian(1.0F) + little_endian(2.0F);
  const auto read = [&](const std::map<std::string, std::string>& members) {
    return to_floats(open_zip(members)->read("x"));
  };
  EXPECT_EQ(read({{"a/data.pkl", object}, {"a/data/0", two}}), (std::vector<float>{1, 2}));
  expect_error(ErrorClass::kCorrupt, "its numbers are missing", [&] {
    read({{"a/data.pkl", object}, {"b/data/0", two}});
  });
  expect_error(ErrorClass::kCorrupt, "4 bytes where 2 numbers of 4 bytes are expected", [&] {
    read({{"a/data.pkl", object}, {"a/data/0", little_endian(1.0F)}});
  });
  expect_error(ErrorClass::kUnsupported, "big-endian", [&] {
    read({{"a/data.pkl", object}, {"a/data/0", two}, {"a/byteorder", "big"}});
  });
  expect_error(ErrorClass::kUnsupported, "neither PyTorch's (.pth) nor NumPy's (.npz)", [&] {
    open_zip({{"a/other", "x"}});
  });
  expect_error(ErrorClass::kUnsupported, "builtins.eval", [&] {
    open_zip({{"a/data.pkl", complete(call(global("builtins", "eval"), tuple({text("1")})))}});
  });
  expect_error(ErrorClass::kUnsupported, "its pickle has 16777217 bytes", [&] {
    open_zip({{"a/data.pkl", std::string((std::size_t{16} << 20) + 1, 'N')}});
  });
  // Names that would leave the folder are only looked up, never opened as files.
  const std::string climbing =
      complete(dictionary("x", tensor(storage("../../x", 2), 0, {2}, {1})));
  expect_error(ErrorClass::kCorrupt, "its numbers are missing", [&] {
    read({{"a/data.pkl", climbing}, {"x", two}});
  });
}

TEST_F(HostileTorchFile, with_damaged_numpy_arrays_is_refused) {
  const auto array = [](const std::string& shape, const std::string& dtype,
                        const std::string& bytes) {
    return dictionary("x", call(global("numpy._core.multiarray", "_reconstruct"),
                                tuple({global("numpy", "ndarray"), numbers({0}),
                                       "C\x01"
                                       "b"})) +
                               tuple({integer(1), shape, dtype, "\x89", bytes}) + "b");
  };
  const auto dtype = [](const char* name, const char* order) {
    return call(global("numpy", "dtype"), tuple({text(name), "\x89", "\x88"})) +
           tuple({integer(3), text(order), "N", "N", "N", integer(-1), integer(-1), integer(0)}) +
           "b";
  };
  const std::string eight =
      "C\x08"
      "12345678";
  expect_corrupt(array(numbers({2}), dtype("f8", "<"), eight), "8 bytes for an array of shape [2]");
  expect_corrupt(array(numbers({kHuge}), dtype("f8", "<"), eight),
                 "m.pth: impossible tensor shape");
  expect_corrupt(array(numbers({-1}), dtype("f8", "<"), eight), "is damaged");
  expect_corrupt(array(numbers({1}), "N", eight), "is damaged, or holds no numbers");
  expect_corrupt(array(numbers({1}), dtype("f8", "<"), "]"), "is damaged, or holds no numbers");
  for (const auto& type : {dtype("O8", "|"), dtype("f8", ">"), dtype("i8", "<")}) {
    expect_error(ErrorClass::kUnsupported, "only little-endian f4 and f8",
                 [&] { open_legacy(legacy_file(array(numbers({1}), type, eight))); });
  }
}

TEST_F(HostileTorchFile, cut_anywhere_is_an_error_and_no_crash) {
  for (const char* name : {"views_legacy.pth", "views.pth", "pca_numpy_legacy.pth"}) {
    std::ifstream file(golden_path(name), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    for (std::size_t size = 1; size < bytes.size(); size += 23) {
      try {
        const auto source = open_legacy(bytes.substr(0, size));
        for (const auto& tensor : source->tensors()) {
          source->read(tensor.name);
        }
        // Behind the last tensor's numbers a zip has its directory; the old form has nothing.
        ADD_FAILURE() << name << " of " << size << " bytes was read";
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace vggroove::weights::testing
