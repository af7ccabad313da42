#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "pipeline/embed_files.h"

namespace vggroove::cli {

// One line at the bottom of the terminal on stderr, redrawn in place at most ten times a second.
// Silent where stderr is not a terminal. Print nothing else to the terminal before clear().
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // clears
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(std::string_view text);
  // "120/1000 files (2 failed)  163x real time  2:10 left"
  void show(const EmbedFilesProgress& progress);
  void clear();

  double elapsed_s() const;  // since construction

 private:
  using Clock = std::chrono::steady_clock;
  const bool on_terminal_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point next_redraw_ = start_;
  bool drawn_ = false;
};

std::string duration_text(double seconds);  // "4.5 s", "12.3 min", "3.4 h"

// "classified 7 of 8 files, 1 failed, 12.3 min of audio in 4.5 s (163x real time)"
std::string summary_text(std::string_view done_word, const EmbedFilesProgress& progress,
                         double elapsed_s);

}  // namespace vggroove::cli
