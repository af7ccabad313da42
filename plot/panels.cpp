#include "plot/charts.h"
#include "plot/layout.h"

namespace vggroove::plot {

Canvas side_by_side(std::span<const Canvas> panels, const std::string& title,
                    std::span<const std::string> captions) {
  int width = 0, height = 0;
  for (const Canvas& panel : panels) {
    width += panel.width();
    height = std::max(height, panel.height());
  }
  // The panels bring their own margins.
  const int top = title.empty() ? 0 : kMargin + kTitleHeight - kGap;
  const int below = captions.empty() ? 0 : captions_height(captions) + kMargin - 2 * kGap;
  Canvas canvas(picture_width(width, title, captions), top + height + below);
  canvas.text(kMargin, kMargin, title, kTitleScale);
  int x = 0;
  for (const Canvas& panel : panels) {
    canvas.paste(panel, x, top);
    x += panel.width();
  }
  draw_captions(canvas, captions);
  return canvas;
}

}  // namespace vggroove::plot
