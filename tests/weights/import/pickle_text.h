#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

// Writes pickles by hand, above all those that Python would not write.
namespace vggroove::weights::testing {

// Texts are joined here, not with +: GCC 12 sees overlapping copies in "literal" + temporary text.
template <class... Parts>
std::string joined(const Parts&... parts) {
  std::string result;
  (result.append(std::string_view(parts)), ...);
  return result;
}

template <class Number>
std::string little_endian(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

namespace pickle {

inline std::string integer(std::int64_t number) {
  return joined("\x8a\x08", little_endian(number));  // LONG1
}
inline std::string text(std::string_view value) {
  return joined("X", little_endian(static_cast<std::uint32_t>(value.size())), value);
}
inline std::string global(std::string_view module, std::string_view name) {
  return joined("c", module, "\n", name, "\n");
}
inline std::string tuple(std::initializer_list<std::string> items) {
  std::string result = "(";
  for (const std::string& item : items) {
    result += item;
  }
  return joined(result, "t");
}
inline std::string call(const std::string& function, const std::string& arguments) {
  return joined(function, arguments, "R");
}
inline std::string storage(std::string_view key, std::int64_t count,
                           std::string_view type = "FloatStorage") {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), integer(count)}) +
         "Q";
}
inline std::string numbers(std::initializer_list<std::int64_t> values) {
  std::string result = "(";
  for (const std::int64_t value : values) {
    result += integer(value);
  }
  return joined(result, "t");
}
inline std::string tensor(const std::string& storage_text, std::int64_t offset,
                          std::initializer_list<std::int64_t> shape,
                          std::initializer_list<std::int64_t> strides) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              tuple({storage_text, integer(offset), numbers(shape), numbers(strides), "\x89",
                     call(global("collections", "OrderedDict"), ")")}));
}
inline std::string dictionary(std::string_view key, const std::string& value) {
  return joined("}", text(key), value, "s");
}
inline std::string complete(const std::string& value) {
  return joined("\x80\x02", value, ".");
}

}  // namespace pickle

// A file of torch's old format: `object` is a value, `after` the storages.
inline std::string legacy_file(const std::string& object, const std::string& keys = "]",
                               const std::string& after = "") {
  using namespace pickle;
  const std::string magic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
  return complete(magic) + complete(integer(1001)) +
         complete(joined("}", text("little_endian"), "\x88s")) + complete(object) + complete(keys) +
         after;
}

}  // namespace vggroove::weights::testing
