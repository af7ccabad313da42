#include "train/report/style.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "plot/canvas.h"

namespace vggroove {
namespace {

// Text has a contrast of 4.5 or more against what it stands on, in light and in dark (WCAG 2.2, AA;
// a browser measures it in the tests).
constexpr const char* kStyle = R"css(
:root {
  color-scheme: light dark;
  --ground: #f6f6f3; --panel: #ffffff; --ink: #1b1e23; --quiet: #59616c; --rule: #e2e3df;
  --right: #1f5fbf; --wrong: #b04a05; --soft: #d3e1f6; --other: #8a93a0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101215; --panel: #181b20; --ink: #e9ebee; --quiet: #a2aab5; --rule: #2c3138;
    --right: #79acf7; --wrong: #f0a35e; --soft: #26406a; --other: #767f8b;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans",
    "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
.page { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem 4rem; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--panel); padding: .5rem 1rem; z-index: 1; }
a { color: var(--right); text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--right); outline-offset: 2px; }
header { padding: 3rem 0 1.5rem; }
.kind {
  margin: 0 0 .35rem; color: var(--quiet); font-size: .8125rem; font-weight: 600;
  letter-spacing: .08em; text-transform: uppercase;
}
h1 { margin: 0; font-size: clamp(1.6rem, 4vw, 2.4rem); line-height: 1.15; letter-spacing: -.02em; }
header p:not(.kind) { margin: .6rem 0 0; color: var(--quiet); max-width: 48rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .35rem 1.25rem; list-style: none; margin: 0 0 1.5rem;
  padding: .75rem 0; border-top: 1px solid var(--rule); border-bottom: 1px solid var(--rule);
  font-size: .875rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
main { display: grid; gap: 1.25rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 64rem) { main { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
section {
  background: var(--panel); border: 1px solid var(--rule); border-radius: 12px;
  padding: 1.4rem 1.5rem 1.5rem; min-width: 0;
}
@media (max-width: 40rem) { section { padding: 1.1rem 1rem 1.2rem; } .page { padding: 0 .75rem 3rem; } }
.wide { grid-column: 1 / -1; }
h2 { margin: 0 0 .25rem; font-size: 1.125rem; letter-spacing: -.01em; }
h2 + p { margin-top: 0; }
h3 { margin: 1rem 0 .25rem; font-size: .875rem; }
p { max-width: 44rem; margin: .4rem 0 .9rem; }
.note { color: var(--quiet); font-size: .875rem; }
.warning { border-left: 4px solid var(--wrong); padding: .1rem 0 .1rem .9rem; margin: 0 0 1rem; }
.headline { display: grid; gap: 1rem 3rem; align-items: center; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 48rem) { .headline { grid-template-columns: auto minmax(0, 1fr); } }
.big { font-size: clamp(3rem, 9vw, 4.75rem); font-weight: 700; line-height: 1; letter-spacing: -.04em;
  margin: 0; white-space: nowrap; }
.big small { font-size: .5em; font-weight: 600; letter-spacing: 0; margin-left: .12em; }
.of { margin: .5rem 0 0; color: var(--quiet); font-size: .9375rem; }
.of strong { color: var(--ink); }
.tiles { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
  margin: 1.5rem 0 0; padding: 1.1rem 0 0; border-top: 1px solid var(--rule); }
.tiles div { min-width: 0; }
.tiles dt { color: var(--quiet); font-size: .8125rem; }
.tiles dd { margin: 0; }
.tiles dd.value { font-size: 1.5rem; font-weight: 650; letter-spacing: -.02em; line-height: 1.3; }
.tiles dd.hint { color: var(--quiet); font-size: .8125rem; }
.scroll { overflow-x: auto; position: relative; }
table { border-collapse: collapse; font-size: .875rem; }
caption { text-align: left; color: var(--quiet); padding-bottom: .5rem; }
th { font-weight: 600; text-align: left; }
.matrix { margin: .5rem 0 0; }
.matrix th[scope=row] { padding-right: .6rem; font-weight: 500; text-align: right; white-space: nowrap;
  max-width: 9rem; overflow: hidden; text-overflow: ellipsis; }
.matrix th[scope=col] { vertical-align: bottom; padding: 0 0 .4rem; font-weight: 500; }
.matrix th[scope=col] span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 9rem;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; display: inline-block;
  line-height: 1.2; margin: 0 auto; }
.matrix th[scope=col] { text-align: center; }
.matrix td { width: 2.45rem; min-width: 2.1rem; height: 2.3rem; text-align: center;
  border: 2px solid var(--panel); border-radius: 6px; }
.scores { width: 100%; }
.scores th, .scores td { padding: .42rem .5rem; border-top: 1px solid var(--rule); }
.scores thead th { border-top: 0; color: var(--quiet); font-weight: 500; }
.scores td, .scores thead th + th { text-align: right; white-space: nowrap; }
.scores tfoot th { font-weight: 500; color: var(--quiet); }
.meter { display: block; height: 4px; border-radius: 2px; background: var(--rule); margin-top: 3px;
  min-width: 2.6rem; }
.meter i { display: block; height: 4px; border-radius: 2px; background: var(--right); }
details { margin-top: .9rem; font-size: .875rem; }
summary { cursor: pointer; color: var(--right); }
.chart { display: block; font-size: 12px; max-width: 44rem; }
.chart text { fill: var(--quiet); paint-order: stroke; stroke: var(--panel); stroke-width: 3px; }
.chart .end { text-anchor: end; } .chart .middle { text-anchor: middle; }
.chart .label { fill: var(--ink); }
.chart line, .chart polyline { fill: none; stroke-width: 1; }
.chart .grid { stroke: var(--rule); } .chart .axis { stroke: var(--quiet); }
.chart .guess { stroke: var(--quiet); stroke-dasharray: 4 4; }
.chart .mean { stroke: var(--right); stroke-dasharray: 2 3; stroke-width: 1.5; }
.chart .dot { fill: var(--right); stroke: var(--panel); stroke-width: 1.5; }
.chart .dot.other { fill: var(--panel); stroke: var(--other); stroke-width: 2; }
.chart .band { fill: var(--soft); } .chart .band.other { fill: var(--rule); }
.chart .whisker { stroke: var(--right); stroke-width: 2; opacity: .45; }
.chart .bar { fill: var(--soft); }
.chart .thin { opacity: .22; } .chart .thick { stroke-width: 2.5; }
.chart .training { stroke: var(--other); } .chart .validation { stroke: var(--right); }
.keys { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .2rem 0 .6rem;
  padding: 0; font-size: .8125rem; color: var(--quiet); }
.keys i { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .45em;
  vertical-align: -.05em; background: var(--right); }
.keys i.other { background: none; border: 2px solid var(--other); }
.keys i.line { height: 3px; width: 1.4em; border-radius: 2px; vertical-align: .25em; }
.keys i.line.training { background: var(--other); }
.pair { display: grid; gap: 1rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.pair > * { min-width: 0; }
.errors { display: grid; gap: 1.75rem 2rem; list-style: none; margin: 1rem 0 0; padding: 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
.errors li { min-width: 0; }
.errors figure { margin: 0 0 .6rem; }
.errors img { display: block; width: 100%; height: 8rem; object-fit: fill; border-radius: 6px;
  background: var(--rule); }
.errors figcaption { display: flex; justify-content: space-between; color: var(--quiet);
  font-size: .75rem; margin-top: .2rem; }
.none { border: 1px dashed var(--other); border-radius: 6px; padding: .6rem .8rem; color: var(--quiet);
  font-size: .8125rem; margin: 0 0 .6rem; }
.path { font-size: .8125rem; margin: 0 0 .35rem; color: var(--quiet); }
.verdict { margin: 0 0 .1rem; font-weight: 600; }
.verdict .wrong { color: var(--wrong); }
.odds { margin: 0; font-size: .875rem; color: var(--quiet); }
.facts { display: grid; grid-template-columns: minmax(7rem, max-content) minmax(0, 1fr); gap: .3rem 1.5rem;
  font-size: .875rem; margin: .6rem 0 0; }
.facts dt { color: var(--quiet); } .facts dd { margin: 0; }
.files { padding-left: 1.1rem; font-size: .875rem; }
footer { margin-top: 2rem; color: var(--quiet); font-size: .8125rem; }
@media print {
  body { background: none; } section { break-inside: avoid; border-color: #ccc; } nav { display: none; }
}
)css";

struct Ends {
  plot::Colour nothing, everything;
};

plot::Colour between(const Ends& ends, double fraction) {
  const auto channel = [&](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + fraction * (to - from)));
  };
  return {channel(ends.nothing.red, ends.everything.red),
          channel(ends.nothing.green, ends.everything.green),
          channel(ends.nothing.blue, ends.everything.blue)};
}

std::string hex(plot::Colour colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour.red, colour.green, colour.blue);
}

// WCAG 2.2: relative luminance.
double luminance(plot::Colour colour) {
  const auto linear = [](std::uint8_t channel) {
    const double value = channel / 255.0;
    return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue);
}

// Black or white, whichever has the larger contrast: 4.58 at least, on any colour.
const char* ink_on(plot::Colour background) {
  const double light = luminance(background) + 0.05;
  return light / 0.05 > 1.05 / light ? "#000" : "#fff";
}

std::string shades(const char* name, const Ends& ends) {
  std::string rules;
  for (int shade = 1; shade <= kNumShades; ++shade) {
    const plot::Colour colour = between(ends, static_cast<double>(shade) / kNumShades);
    rules +=
        fmt::format(".{}{}{{background:{};color:{}}}\n", name, shade, hex(colour), ink_on(colour));
  }
  return rules;
}

}  // namespace

std::string report_style() {
  constexpr plot::Colour kLightPanel{255, 255, 255}, kDarkPanel{24, 27, 32};
  return kStyle + std::string(".right0,.wrong0{color:var(--quiet)}\n") +
         shades("right", {kLightPanel, {18, 74, 160}}) +
         shades("wrong", {kLightPanel, {160, 62, 0}}) + "@media (prefers-color-scheme: dark) {\n" +
         shades("right", {kDarkPanel, {121, 172, 247}}) +
         shades("wrong", {kDarkPanel, {240, 163, 94}}) + "}\n";
}

}  // namespace vggroove
