#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace vggroove::cli {

namespace {

constexpr std::chrono::milliseconds kRedrawInterval{100};

std::size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string clock_text(double seconds) {
  const auto total = static_cast<long long>(std::llround(seconds));
  const long long hours = total / 3600, minutes = total / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, total % 60)
                   : fmt::format("{}:{:02}", minutes, total % 60);
}

double times_real_time(const EmbedFilesProgress& progress, double elapsed_s) {
  return elapsed_s > 0 ? progress.audio_seconds / elapsed_s : 0;
}

}  // namespace

ProgressLine::ProgressLine() : on_terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  clear();
}

double ProgressLine::elapsed_s() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void ProgressLine::show(std::string_view text) {
  const Clock::time_point now = Clock::now();
  if (!on_terminal_ || now < next_redraw_) {
    return;
  }
  next_redraw_ = now + kRedrawInterval;
  // A line that wraps could not be redrawn in place. Our texts are ASCII: bytes are columns.
  fmt::print(stderr, "\r{}\x1b[K", text.substr(0, terminal_columns() - 1));
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressLine::show(const EmbedFilesProgress& progress) {
  if (!on_terminal_ || Clock::now() < next_redraw_) {
    return;
  }
  const double elapsed = elapsed_s();
  std::string text = fmt::format("{}/{} files", progress.files_done, progress.files_total);
  if (progress.files_failed > 0) {
    text += fmt::format(" ({} failed)", progress.files_failed);
  }
  text += fmt::format("  {:.0f}x real time", times_real_time(progress, elapsed));
  if (progress.files_done > 0 && progress.files_done < progress.files_total) {
    const auto done = static_cast<double>(progress.files_done);
    const double left = elapsed * (static_cast<double>(progress.files_total) - done) / done;
    text += fmt::format("  {} left", clock_text(left));
  }
  show(text);
}

void ProgressLine::clear() {
  if (drawn_) {
    fmt::print(stderr, "\r\x1b[K");
    std::fflush(stderr);
    drawn_ = false;
    next_redraw_ = Clock::now();
  }
}

std::string duration_text(double seconds) {
  if (seconds < 60) {
    return fmt::format("{:.1f} s", seconds);
  }
  return seconds < 3600 ? fmt::format("{:.1f} min", seconds / 60)
                        : fmt::format("{:.1f} h", seconds / 3600);
}

std::string summary_text(std::string_view done_word, const EmbedFilesProgress& progress,
                         double elapsed_s) {
  std::string text = fmt::format("{} {} of {} files", done_word,
                                 progress.files_done - progress.files_failed, progress.files_total);
  if (progress.files_failed > 0) {
    text += fmt::format(", {} failed", progress.files_failed);
  }
  if (progress.audio_seconds > 0) {
    text += fmt::format(", {} of audio in {} ({:.0f}x real time)",
                        duration_text(progress.audio_seconds), duration_text(elapsed_s),
                        times_real_time(progress, elapsed_s));
  }
  return text;
}

}  // namespace vggroove::cli
