#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace vggroove::simt {

// One thread's access, as far as it matters to the next thread that touches the same memory.
struct PastAccess {
  std::uint32_t block = 0;  // serial number, unique in the process; 0: no access
  std::uint32_t epoch = 0;  // barriers that the block had passed
  std::uint32_t site = 0;
  std::uint16_t thread = 0;     // within the block
  std::uint16_t lane_time = 0;  // RaceDetector's clock of the lane
  bool is_atomic = false;
};

// What is remembered of one word (or byte): two reads, for a write that conflicts with one of them.
struct Cell {
  PastAccess write, read, other_read;
};

// The past of memory, by address, for words of 4 bytes; for their bytes where a word was not
// accessed as a whole. Pages come into being when they are touched.
class AccessHistory {
 public:
  static constexpr std::uintptr_t kPageBytes = 4096, kWordBytes = 4, kSectorBytes = 32;

  struct Page {
    std::array<Cell, kPageBytes / kWordBytes> words;
    std::bitset<kPageBytes / kWordBytes> is_split;  // into bytes
    std::unique_ptr<std::array<Cell, kPageBytes>> bytes;
    std::uint32_t launch = 0;  // of the next two
    std::bitset<kPageBytes / kSectorBytes> sectors_read, sectors_written;
  };

  Page& page_of(std::uintptr_t address);

  // Between launches, which are ordered: forgets all, if that saves much memory.
  void launch_begins();

  // Calls visit(cell) for every word or byte of [address, address + num_bytes).
  template <class Visit>
  void visit(std::uintptr_t address, std::size_t num_bytes, Visit visit) {
    const std::uintptr_t end = address + num_bytes;
    while (address < end) {
      Page& page = page_of(address);
      const std::uintptr_t word = address % kPageBytes / kWordBytes;
      const bool is_whole = address % kWordBytes == 0 && end - address >= kWordBytes;
      if (is_whole && !page.is_split[word]) {
        visit(page.words[word]);
        address += kWordBytes;
      } else {
        split(page, word);
        visit((*page.bytes)[address % kPageBytes]);
        ++address;
      }
    }
  }

 private:
  static void split(Page& page, std::uintptr_t word);

  std::unordered_map<std::uintptr_t, std::unique_ptr<Page>> pages_;
  std::uintptr_t last_number_ = 0;
  Page* last_page_ = nullptr;
};

}  // namespace vggroove::simt
