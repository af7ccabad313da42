#include <fmt/format.h>

#include <numeric>
#include <stdexcept>

#include "plot/charts.h"
#include "plot/colour_map.h"
#include "plot/layout.h"

namespace vggroove::plot {
namespace {

constexpr int kPreferredSize = 520;  // of the matrix, pixels
constexpr int kSmallestCell = 28;
constexpr int kLargestCell = 76;
constexpr const char* kXLabel = "predicted (colour: share of the row)";
constexpr const char* kYLabel = "true";

int cell_size(const ConfusionMatrix& matrix) {
  const auto largest = *std::max_element(matrix.counts.begin(), matrix.counts.end());
  const int number_width = text_width(fmt::format("{}", largest), kTextScale) + 2 * kGap;
  const int num_classes = static_cast<int>(matrix.labels.size());
  return std::max(number_width,
                  std::clamp(kPreferredSize / num_classes, kSmallestCell, kLargestCell));
}

void draw_row(Canvas& canvas, int x, int y, int cell, std::span<const std::int64_t> counts) {
  const auto total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  for (const std::int64_t count : counts) {
    const double share = total > 0 ? static_cast<double>(count) / static_cast<double>(total) : 0;
    const Colour colour = share_colour(share);
    canvas.fill(x, y, cell, cell, colour);
    canvas.text(x + cell / 2, y + (cell - text_height(kTextScale)) / 2, fmt::format("{}", count),
                kTextScale, count == 0 ? kRule : ink_on(colour), Align::kCentre);
    x += cell;
  }
}

}  // namespace

Canvas confusion_matrix(const ConfusionMatrix& matrix) {
  const std::size_t num_classes = matrix.labels.size();
  if (num_classes == 0 || matrix.counts.size() != num_classes * num_classes) {
    throw std::invalid_argument("confusion_matrix: counts must be [K, K] for K >= 1 labels");
  }
  std::vector<std::string> labels;
  for (const std::string& label : matrix.labels) {
    labels.push_back(shortened(label));
  }
  const int cell = cell_size(matrix), label_width = widest(labels, kTextScale);
  const int size = cell * static_cast<int>(num_classes);
  const int left = kMargin + kLineHeight + label_width + kGap;
  const int top = kMargin + title_height(matrix.title);
  const int width = std::max(left + size, left + text_width(kXLabel, kTextScale)) + kMargin;
  const int height = top + size + kGap + label_width + 2 * kGap + kLineHeight +
                     captions_height(matrix.captions) + kMargin;
  Canvas canvas(picture_width(width, matrix.title, matrix.captions), height);
  canvas.text(kMargin, kMargin, matrix.title, kTitleScale);

  const int half_text = text_height(kTextScale) / 2;
  for (std::size_t i = 0; i < num_classes; ++i) {
    const int offset = cell * static_cast<int>(i);
    draw_row(canvas, left, top + offset, cell, matrix.counts.subspan(i * num_classes, num_classes));
    canvas.text(left - kGap, top + offset + cell / 2 - half_text, labels[i], kTextScale, kInk,
                Align::kRight);
    canvas.text_upward(left + offset + cell / 2 - half_text, top + size + kGap, labels[i],
                       kTextScale, kInk, Align::kRight);
  }
  for (int line = 1; line < static_cast<int>(num_classes); ++line) {
    canvas.fill(left + line * cell, top, 1, size, kRule);
    canvas.fill(left, top + line * cell, size, 1, kRule);
  }
  for (int i = 0; i < static_cast<int>(num_classes); ++i) {  // right answers
    canvas.frame(left + i * cell, top + i * cell, cell + 1, cell + 1, kInk);
  }
  canvas.frame(left - 1, top - 1, size + 2, size + 2, kInk);
  canvas.text_upward(kMargin, top + size / 2, kYLabel, kTextScale, kInk, Align::kCentre);
  canvas.text(left, top + size + 3 * kGap + label_width, kXLabel, kTextScale);
  draw_captions(canvas, matrix.captions);
  return canvas;
}

}  // namespace vggroove::plot
