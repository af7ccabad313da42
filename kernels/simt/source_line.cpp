#include "kernels/simt/source_line.h"

#include <link.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>

namespace vggroove::simt {
namespace {

struct Module {
  std::string path;
  std::uintptr_t load_address = 0;
};

// The program or shared library that holds this address.
Module module_of(std::uintptr_t address) {
  struct Search {
    std::uintptr_t address;
    Module found;
  } search{address, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& wanted = *static_cast<Search*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
          if (segment.p_type == PT_LOAD && wanted.address >= begin &&
              wanted.address < begin + segment.p_memsz) {
            wanted.found = {info->dlpi_name, info->dlpi_addr};
            return 1;
          }
        }
        return 0;
      },
      &search);
  if (search.found.path.empty()) {  // the program itself has no name in this list
    std::error_code ignored;
    search.found.path = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  }
  return search.found;
}

std::string hexadecimal(std::uintptr_t address) {
  std::ostringstream text;
  text << "0x" << std::hex << address;
  return text.str();
}

std::string quoted(const std::string& path) {
  std::string text = "'";
  for (const char c : path) {
    text += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return text + "'";
}

std::vector<std::string> output_lines_of(const std::string& command) {
  std::vector<std::string> lines;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) {
    return lines;
  }
  std::string text;
  std::array<char, 4096> block;
  while (const std::size_t n = std::fread(block.data(), 1, block.size(), pipe.get())) {
    text.append(block.data(), n);
  }
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

// Paths in debug information are absolute, or relative to the folder of the build.
std::string from_source_root(const std::string& path) {
  std::string normal = std::filesystem::path(path).lexically_normal().string();
  for (const char* part : {"/tests/", "/kernels/"}) {
    if (const auto at = normal.rfind(part); at != std::string::npos) {
      return normal.substr(at + 1);
    }
  }
  return normal;
}

bool belongs_to_executor(const std::string& place) {
  return place.starts_with("kernels/simt/") || place.find("/c++/") != std::string::npos;
}

// One answer of addr2line: pairs of function and place, the innermost inlined function first.
SourceLine choose_frame(const std::vector<std::string>& lines, std::size_t begin, std::size_t end) {
  SourceLine chosen;
  for (std::size_t i = begin; i + 1 < end; i += 2) {
    std::string place = from_source_root(lines[i + 1].substr(0, lines[i + 1].find(" (")));
    if (place.starts_with("??") || place.ends_with(":?")) {
      continue;
    }
    const bool is_outside = !belongs_to_executor(place);
    if (chosen.place.empty() || is_outside) {
      chosen = {bare_function_name(lines[i]), std::move(place)};
    }
    if (is_outside) {
      break;
    }
  }
  if (chosen.function.empty() && begin < end) {
    chosen.function = bare_function_name(lines[end - 2]);
  }
  return chosen;
}

std::map<std::uintptr_t, SourceLine>& known_lines() {
  static std::map<std::uintptr_t, SourceLine> lines;
  return lines;
}

void look_up(const std::vector<std::uintptr_t>& addresses) {
  std::map<std::string, std::vector<std::pair<std::uintptr_t, std::uintptr_t>>> by_module;
  for (const auto address : addresses) {
    const Module module = module_of(address);
    by_module[module.path].emplace_back(address, address - module.load_address);
  }
  for (const auto& [path, pairs] : by_module) {
    std::string command = "addr2line -a -f -i -C -e " + quoted(path);
    for (const auto& [address, offset] : pairs) {
      command += ' ' + hexadecimal(offset);
    }
    const auto lines = output_lines_of(command + " 2>/dev/null");
    std::size_t at = 0;
    for (const auto& [address, offset] : pairs) {
      std::size_t end = at + 1;
      while (end < lines.size() && !lines[end].starts_with("0x")) {
        ++end;
      }
      SourceLine& line = known_lines()[address];
      if (at < lines.size()) {
        line = choose_frame(lines, at + 1, end);
      }
      if (line.place.empty()) {
        line.place = hexadecimal(address);
      }
      at = end;
    }
  }
}

const SourceLine& known_line(std::uintptr_t address) {
  auto found = known_lines().find(address);
  if (found == known_lines().end()) {
    look_up({address});
    found = known_lines().find(address);
  }
  return found->second;
}

// A call returns to the instruction after it, which may belong to the next line.
std::uintptr_t call_before(const void* return_address) {
  return reinterpret_cast<std::uintptr_t>(return_address) - 1;
}

}  // namespace

std::string bare_function_name(std::string demangled) {
  const std::string anonymous = "(anonymous namespace)";
  for (auto at = demangled.find(anonymous); at != std::string::npos;
       at = demangled.find(anonymous)) {
    demangled.erase(at, anonymous.size());
  }
  std::size_t begin = 0, end = demangled.size();
  int depth = 0;
  for (std::size_t i = 0; i < end; ++i) {
    const char c = demangled[i];
    depth += (c == '<') - (c == '>');
    if (depth == 0 && (c == ' ' || c == ':')) {
      begin = i + 1;
    } else if (depth == 0 && c == '(') {
      end = i;
    }
  }
  return demangled.substr(begin, end - begin);
}

std::vector<SourceLine> source_lines(std::span<const void* const> return_addresses) {
  std::vector<std::uintptr_t> unknown;
  for (const void* address : return_addresses) {
    if (!known_lines().contains(call_before(address))) {
      unknown.push_back(call_before(address));
    }
  }
  if (!unknown.empty()) {
    look_up(unknown);
  }
  std::vector<SourceLine> lines;
  lines.reserve(return_addresses.size());
  for (const void* address : return_addresses) {
    lines.push_back(known_line(call_before(address)));
  }
  return lines;
}

SourceLine source_line(const void* return_address) {
  return known_line(call_before(return_address));
}

std::string function_name(const void* address) {
  const auto& line = known_line(reinterpret_cast<std::uintptr_t>(address));
  return line.function.empty() || line.function == "??" ? line.place : line.function;
}

}  // namespace vggroove::simt
