#include "cli/metrics_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "cli/unicode_text.h"

namespace vggroove::cli {
namespace {

constexpr std::size_t kMaxNameColumns = 32;

// A cell of the first column: "12 hiphop     ".
std::string name_cell(std::string_view number, std::string_view name, std::size_t name_columns) {
  return fmt::format("{:>4}  {}", number, fit_columns(name, name_columns));
}

template <class Scores>
std::string scores_line(const std::string& name, const Scores& scores) {
  return fmt::format("{}  {:9.3f}  {:6.3f}  {:5.3f}", name, scores.precision, scores.recall,
                     scores.f1);
}

}  // namespace

std::string accuracy_text(const Metrics& metrics) {
  const auto n = static_cast<double>(metrics.num_clips);
  return fmt::format("{:.1f} % ({} of {} clips; 95 % interval {:.1f} to {:.1f} %)",
                     100 * metrics.accuracy, std::llround(metrics.accuracy * n), metrics.num_clips,
                     100 * metrics.accuracy_low, 100 * metrics.accuracy_high);
}

std::string metrics_table(const Metrics& metrics, const std::vector<std::string>& labels) {
  const std::size_t k = metrics.per_class.size();
  std::vector<std::string> names;
  std::size_t name_columns = std::string_view("truth \\ prediction").size();
  for (const std::string& label : labels) {
    names.push_back(terminal_text(label));
    name_columns = std::max(name_columns, display_columns(names.back()));
  }
  name_columns = std::min(name_columns, kMaxNameColumns);

  std::string text = fmt::format("accuracy        {}\n", accuracy_text(metrics));
  if (static_cast<std::size_t>(metrics.top_k) < k) {
    text += fmt::format("top-{} accuracy  {:.1f} %\n", metrics.top_k, 100 * metrics.top_k_accuracy);
  }
  text += fmt::format("log loss        {:.3f} (ln {} = {:.3f} is guessing)\n\n", metrics.log_loss,
                      k, std::log(static_cast<double>(k)));

  text += fmt::format("{}  precision  recall     F1  clips\n", name_cell("", "", name_columns));
  for (std::size_t c = 0; c < k; ++c) {
    const std::string name = name_cell(fmt::format("{}", c + 1), names[c], name_columns);
    text += fmt::format("{}  {:5}\n", scores_line(name, metrics.per_class[c]),
                        metrics.per_class[c].support);
  }
  text += scores_line(name_cell("", "macro average", name_columns), metrics.macro) + "\n";
  text += scores_line(name_cell("", "weighted average", name_columns), metrics.weighted) + "\n\n";

  const std::int64_t largest =
      *std::max_element(metrics.confusion.begin(), metrics.confusion.end());
  const std::size_t cell_columns =
      1 + std::max(fmt::formatted_size("{}", largest), fmt::formatted_size("{}", k));
  text += name_cell("", "truth \\ prediction", name_columns);
  for (std::size_t c = 0; c < k; ++c) {
    text += fmt::format(" {:>{}}", c + 1, cell_columns);
  }
  text += '\n';
  for (std::size_t truth = 0; truth < k; ++truth) {
    text += name_cell(fmt::format("{}", truth + 1), names[truth], name_columns);
    for (std::size_t prediction = 0; prediction < k; ++prediction) {
      const std::int64_t count = metrics.confusion[truth * k + prediction];
      text += count == 0 ? fmt::format(" {:>{}}", ".", cell_columns)
                         : fmt::format(" {:>{}}", count, cell_columns);
    }
    text += '\n';
  }
  return text;
}

}  // namespace vggroove::cli
