#include "weights/import/pickle.h"

#include <gtest/gtest.h>

#include <span>

#include "tests/support/expect_error.h"
#include "tests/weights/import/pickle_text.h"

namespace vggroove::weights::testing {
namespace {

using namespace pickle;
using vggroove::testing::expect_error;
using Kind = PickleValue::Kind;

PickleResult run(const std::string& bytes) {
  return unpickle(std::as_bytes(std::span(bytes)), "m.pth");
}

void expect_refused(const std::string& bytes, const std::string& words) {
  expect_error(ErrorClass::kUnsupported, words, [&] { run(bytes); });
}

void expect_corrupt(const std::string& bytes, const std::string& words) {
  expect_error(ErrorClass::kCorrupt, words, [&] { run(bytes); });
}

TEST(Pickle, gives_values) {
  const PickleResult result =
      run(complete(tuple({"N", "\x88", integer(-5), text("a"), "K\xff", "M\x01\x02",
                          std::string("G\x3f\xf8\0\0\0\0\0\0", 9), std::string("\x8a\0", 2)})));
  ASSERT_EQ(result.root->kind, Kind::kTuple);
  const auto& items = result.root->items;
  ASSERT_EQ(items.size(), 8U);
  EXPECT_EQ(items[0]->kind, Kind::kNone);
  EXPECT_EQ(items[1]->integer, 1);
  EXPECT_EQ(items[2]->integer, -5);
  EXPECT_EQ(items[3]->text, "a");
  EXPECT_EQ(items[4]->integer, 255);
  EXPECT_EQ(items[5]->integer, 513);
  EXPECT_EQ(items[6]->number, 1.5);
  EXPECT_EQ(items[7]->integer, 0);
}

TEST(Pickle, refuses_functions_by_name) {
  expect_refused(complete(call(global("posix", "system"), tuple({text("reboot")}))),
                 "m.pth: the pickle wants \"posix.system\", which a list of tensors does not need; "
                 "refused");
  expect_refused(complete(call(global("builtins", "eval"), tuple({text("1")}))), "builtins.eval");
  expect_refused(complete(global("torch.storage", "_load_from_bytes")), "_load_from_bytes");
  expect_refused(complete(global("numpy", "load")), "numpy.load");
  expect_refused(complete(text("builtins") + text("exec") + "\x93"), "builtins.exec");
  // A dotted name that walks from an allowed module to something else.
  expect_refused(complete(text("torch._utils") + text("_rebuild_tensor_v2.__globals__") + "\x93"),
                 "__globals__");
  expect_refused(complete(global("collections OrderedDict\nx", "y")), "refused");
}

TEST(Pickle, refuses_names_with_control_characters_in_one_line) {
  expect_refused(complete(global("a\x1b[2J", "b")), "\\x1b");
}

TEST(Pickle, refuses_other_ways_to_make_objects) {
  for (const std::string opcode : {"i", "o", "\x81", "\x82", "\x83", "\x84", "\x92", "P", "\x97"}) {
    expect_refused(joined("\x80\x02", global("collections", "OrderedDict"), ")", opcode, "..."),
                   "the pickle uses opcode 0x");
  }
}

TEST(Pickle, refuses_to_call_its_functions_in_other_ways) {
  expect_refused(complete(call(global("collections", "OrderedDict"), tuple({"]"}))), "unusual way");
  expect_refused(complete(call(global("torch", "FloatStorage"), ")")), "torch FloatStorage");
  expect_refused(complete(call(global("_codecs", "encode"), tuple({text("a"), text("rot13")}))),
                 "unusual way");
  expect_refused(complete(call(global("torch._utils", "_rebuild_parameter"), tuple({"N"}))),
                 "unusual way");
  expect_refused(complete(tuple({text("module"), "N", "N", "N", "N"}) + "Q"),
                 "a thing outside the pickle");
  expect_corrupt(complete(call(integer(1), ")")), "calls something that is no function");
  expect_corrupt(complete("]}b"), "the state of something that has none");
}

TEST(Pickle, checks_every_length) {
  expect_corrupt("", "1 bytes are expected where 0 are left");
  expect_corrupt("\x80", "are left");
  expect_corrupt("N", "are left");
  expect_corrupt(
      "X\xff\xff\xff\xff"
      "abc",
      "4294967295 bytes are expected where 3 are left");
  expect_corrupt(
      "\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"
      "abc",
      "are expected");
  expect_corrupt(
      "\x8e\xff\xff\xff\xff\xff\xff\xff\xff"
      "abc",
      "are expected");
  expect_corrupt(
      "\x8b\xff\xff\xff\xff"
      "abc",
      "are expected");  // LONG4 of -1 bytes
  expect_corrupt(
      "\x8b\xff\xff\xff\x7f"
      "abc",
      "are expected");
  expect_corrupt(
      "\x95\xff\xff\xff\xff\xff\xff\xff\x7f"
      "N.",
      "a frame is longer than the file");
  expect_corrupt("cos", "a line without an end");
  expect_refused("\x80\x06N.", "protocol after 5");
}

TEST(Pickle, survives_every_kind_of_missing_value) {
  for (const std::string opcodes :
       {".",     "R",  "b",    "Q",      "a",   "e",   "s",      "u",    "t",
        "l",     "d",  "\x85", "\x87",   "0",   "1",   "2",      "\x93", "\x94",
        "q\x01", "(.", "(R",   "(q\x01", "((a", "N(s", "]N(\x86"}) {
    expect_corrupt(opcodes + ".", "the pickle is damaged");
  }
  expect_corrupt("h\x05.", "uses value 5 before storing it");
  expect_corrupt("j\xff\xff\xff\xff.", "uses value 4294967295 before storing it");
  expect_corrupt("}(NNNu.", "cannot hold them");
  expect_corrupt("N(NNu.", "cannot hold them");
  expect_corrupt("NNa.", "cannot hold them");
}

TEST(Pickle, stores_at_any_number_without_a_table_of_that_size) {
  EXPECT_EQ(run("Nr\xff\xff\xff\xff"
                "0j\xff\xff\xff\xff.")
                .root->kind,
            Kind::kNone);
}

TEST(Pickle, allows_values_that_hold_themselves) {
  const PickleResult result =
      run("]q\x01h\x01"
          "a.");
  EXPECT_EQ(result.root->items[0], result.root);
}

TEST(Pickle, nests_deeply_without_recursion) {
  const std::size_t depth = 900'000;
  const PickleResult result = run(std::string(depth, ']') + std::string(depth - 1, 'a') + ".");
  EXPECT_EQ(result.values.size(), depth);
}

TEST(Pickle, limits_the_number_of_values) {
  expect_refused(std::string(1'000'001, 'N') + ".", "more than 1000000 values");
}

TEST(Pickle, does_not_copy_long_tuples_or_texts_over_and_over) {
  // A tuple of 10 000 values, stored and used as arguments again and again.
  const std::string many = joined("(", std::string(10'000, 'N')) +
                           "tq\x01"
                           "0";
  expect_refused(many + global("torch._utils", "_rebuild_tensor_v2") + "h\x01R.",
                 "with 10000 arguments");
  std::string encodings = tuple({text(std::string(10'000, 'x')), text("latin1")}) +
                          "q\x01"
                          "0" +
                          global("_codecs", "encode") +
                          "q\x02"
                          "0";
  for (int i = 0; i < 10; ++i) {
    encodings += "h\x02h\x01R0";
  }
  expect_refused(encodings + "N.", "over and over");
}

TEST(Pickle, turns_latin1_text_into_bytes) {
  const auto encoded = [](const std::string& utf8) {
    return run(complete(call(global("_codecs", "encode"), tuple({text(utf8), text("latin1")}))))
        .root->text;
  };
  EXPECT_EQ(encoded("a\xc2\x80\xc3\xbf"), "a\x80\xff");
  expect_corrupt(
      complete(call(global("_codecs", "encode"), tuple({text("\xe2\x82\xac"), text("latin1")}))),
      "beyond Latin-1");
  expect_corrupt(
      complete(call(global("_codecs", "encode"), tuple({text("a\xc3"), text("latin1")}))),
      "beyond Latin-1");
}

TEST(Pickle, ends_where_its_stop_is) {
  EXPECT_EQ(run("N.after").size_bytes, 2U);
}

}  // namespace
}  // namespace vggroove::weights::testing
