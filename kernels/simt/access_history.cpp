#include "kernels/simt/access_history.h"

#include <algorithm>

namespace vggroove::simt {

AccessHistory::Page& AccessHistory::page_of(std::uintptr_t address) {
  const std::uintptr_t number = address / kPageBytes;
  if (last_page_ == nullptr || number != last_number_) {
    auto& page = pages_[number];
    if (!page) {
      page = std::make_unique<Page>();
    }
    last_page_ = page.get();
    last_number_ = number;
  }
  return *last_page_;
}

void AccessHistory::launch_begins() {
  constexpr std::size_t kMostPages = 1024;  // 50 MB; allocating them anew takes time, too
  if (pages_.size() > kMostPages) {
    pages_.clear();
    last_page_ = nullptr;
  }
}

void AccessHistory::split(Page& page, std::uintptr_t word) {
  if (page.is_split[word]) {
    return;
  }
  if (!page.bytes) {
    page.bytes = std::make_unique<std::array<Cell, kPageBytes>>();
  }
  std::fill_n(page.bytes->begin() + word * kWordBytes, kWordBytes, page.words[word]);
  page.is_split[word] = true;
}

}  // namespace vggroove::simt
