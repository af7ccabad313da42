#include "cli/output_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "cli/unicode_text.h"

namespace vggroove::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBarColumns = 10;
constexpr std::size_t kLeastPathColumns = 16;

// Six digits: what a probability of fp32 arithmetic means, and short to read.
double rounded(double value) {
  return std::round(value * 1e6) / 1e6;
}

std::string percent(double fraction) {
  return fmt::format("{:3.0f} %", 100 * fraction);
}

}  // namespace

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c;
    if (c == '"') {
      quoted += '"';
    }
  }
  return quoted + '"';
}

RowFormatter::RowFormatter(std::vector<std::string> labels, const RowOptions& options)
    : labels_(std::move(labels)), options_(options) {
  for (std::string& label : labels_) {
    label = options_.format == RowFormat::kTable ? terminal_text(label) : valid_utf8(label);
    label_columns_ = std::max(label_columns_, display_columns(label));
  }
  // path, two spaces, genre, two spaces, bar, percentage
  const std::size_t others = 2 + label_columns_ + 2 + kBarColumns + 6;
  const std::size_t room = options_.total_columns - std::min(options_.total_columns, others);
  options_.path_columns = std::max(kLeastPathColumns, std::min(options_.path_columns, room));
}

std::string RowFormatter::header() const {
  if (options_.format != RowFormat::kCsv) {
    return "";
  }
  std::string line = "path,duration_s,";
  if (options_.segments) {
    line += "start_s,end_s,";
  }
  line += "genre,probability,padded";
  for (const std::string& label : labels_) {
    line += fmt::format(",{}", csv_field(fmt::format("p_{}", label)));
  }
  return line + ",error_class,error_message\n";
}

std::string RowFormatter::row(const ClipRow& clip) const {
  ClipRow row = clip;
  if (!options_.segments) {
    row.segments.clear();
  }
  switch (options_.format) {
    case RowFormat::kJsonl:
      return jsonl_row(row);
    case RowFormat::kCsv:
      return csv_row(row);
    case RowFormat::kTable:
      return table_row(row);
  }
  return "";
}

// Indices of the genres by descending probability, the first `top_k`.
std::vector<std::size_t> RowFormatter::ranking(const std::vector<float>& probabilities) const {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return probabilities[a] > probabilities[b];
  });
  if (options_.top_k > 0 && options_.top_k < order.size()) {
    order.resize(options_.top_k);
  }
  return order;
}

std::string RowFormatter::jsonl_row(const ClipRow& row) const {
  const auto add_probabilities = [this](Json& object, const std::vector<float>& probabilities) {
    const std::vector<std::size_t> order = ranking(probabilities);
    object["genre"] = labels_[order[0]];
    Json& by_name = object["probabilities"] = Json::object();
    for (const std::size_t i : order) {
      by_name[labels_[i]] = rounded(static_cast<double>(probabilities[i]));
    }
  };
  Json object;
  object["path"] = valid_utf8(row.path.native());
  if (row.error) {
    object["error"] = {{"class", error_class_name(row.error->error_class())},
                       {"message", valid_utf8(row.error->what())}};
    return object.dump() + "\n";
  }
  object["duration_s"] = rounded(row.duration_s);
  if (row.padded) {
    object["padded"] = true;
  }
  add_probabilities(object, row.probabilities);
  if (options_.segments) {
    Json& segments = object["segments"] = Json::array();
    for (const ClipRow::Segment& segment : row.segments) {
      Json& entry = segments.emplace_back();
      entry["start_s"] = rounded(segment.start_s);
      entry["end_s"] = rounded(segment.end_s);
      add_probabilities(entry, segment.probabilities);
    }
  }
  return object.dump() + "\n";
}

std::string RowFormatter::csv_row(const ClipRow& row) const {
  const std::string path = csv_field(valid_utf8(row.path.native()));
  if (row.error) {
    const std::size_t num_empty = 4 + (options_.segments ? 2 : 0) + labels_.size();
    return fmt::format("{}{},{},{}\n", path, std::string(num_empty, ','),
                       error_class_name(row.error->error_class()),
                       csv_field(valid_utf8(row.error->what())));
  }
  const auto line = [&](const std::string& span, const std::vector<float>& probabilities) {
    const std::vector<std::size_t> order = ranking(probabilities);
    std::vector<std::string> columns(labels_.size());
    for (const std::size_t i : order) {
      columns[i] = fmt::format("{}", rounded(static_cast<double>(probabilities[i])));
    }
    return fmt::format("{},{},{}{},{},{},{},,\n", path, rounded(row.duration_s), span,
                       csv_field(labels_[order[0]]), columns[order[0]], row.padded,
                       fmt::join(columns, ","));
  };
  std::string lines = line(options_.segments ? ",," : "", row.probabilities);
  for (const ClipRow::Segment& segment : row.segments) {
    lines += line(fmt::format("{},{},", rounded(segment.start_s), rounded(segment.end_s)),
                  segment.probabilities);
  }
  return lines;
}

// A bar of eighths of a character.
std::string RowFormatter::bar(double fraction) const {
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double clamped = std::clamp(fraction, 0.0, 1.0);
  if (!options_.unicode) {
    const auto length = static_cast<std::size_t>(std::lround(clamped * kBarColumns));
    return std::string(length, '#') + std::string(kBarColumns - length, '.');
  }
  const auto eighths = static_cast<std::size_t>(std::lround(clamped * kBarColumns * 8));
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) {
    text += "█";
  }
  return fit_columns(text + kEighths[eighths % 8], kBarColumns);
}

std::string RowFormatter::table_row(const ClipRow& row) const {
  const std::string name = row.path.native();
  const std::string path = fit_columns(terminal_text(name), options_.path_columns);
  if (row.error) {
    std::string message = row.error->what();
    if (message.starts_with(name + ": ")) {
      message.erase(0, name.size() + 2);
    }
    return fmt::format("{}  error: {}\n", path, terminal_text(message));
  }
  const auto genre_text = [this](const std::vector<float>& probabilities) {
    const std::vector<std::size_t> order = ranking(probabilities);
    const double best = static_cast<double>(probabilities[order[0]]);
    std::string text = fmt::format("{}  {} {}", fit_columns(labels_[order[0]], label_columns_),
                                   bar(best), percent(best));
    for (std::size_t k = 1; options_.top_k > 0 && k < order.size(); ++k) {
      text += fmt::format("  {} {:.0f} %", labels_[order[k]],
                          100 * static_cast<double>(probabilities[order[k]]));
    }
    return text;
  };
  std::string lines = fmt::format("{}  {}{}\n", path, genre_text(row.probabilities),
                                  row.padded ? "  (short: padded with silence)" : "");
  for (const ClipRow::Segment& segment : row.segments) {
    const std::string span = fmt::format("{:.2f} - {:.2f} s", segment.start_s, segment.end_s);
    lines +=
        fmt::format("{:>{}}  {}\n", span, options_.path_columns, genre_text(segment.probabilities));
  }
  return lines;
}

}  // namespace vggroove::cli
