// The page as a browser shows it. Skipped where there is none (tools/deps.sh browser).
#include <gtest/gtest.h>
#include <png.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wav_file.h"
#include "tests/train/report/example_run.h"
#include "train/report/run_report.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::read_file;

// Run at the end of a copy of the page: what it measures is text that the test reads.
constexpr const char* kAudit = R"js(<script>
const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
const luminance = c => {
  const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const background = e => {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] > 0) return c;
  }
  return [255, 255, 255, 1];
};
let contrast = 99, palest = '', numTexts = 0, cut = [];
for (const e of document.body.querySelectorAll('*')) {
  const hasText = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!hasText || ['SCRIPT', 'title'].includes(e.tagName)) continue;
  const inChart = e.tagName === 'text', style = getComputedStyle(e);
  const a = luminance(parse(inChart ? style.fill : style.color)), b = luminance(background(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  ++numTexts;
  if (!(ratio >= contrast)) { contrast = ratio; palest = e.tagName + '.' + e.getAttribute('class'); }
  if (inChart) {
    const box = e.getBoundingClientRect(), chart = e.closest('svg.chart').getBoundingClientRect();
    if (box.left < chart.left - 1 || box.right > chart.right + 1 || box.top < chart.top - 1 ||
        box.bottom > chart.bottom + 1) cut.push(e.textContent);
  }
}
const root = document.documentElement, pre = document.createElement('pre');
pre.id = 'audit';
pre.textContent = JSON.stringify({
  scrollWidth: root.scrollWidth, clientWidth: root.clientWidth, height: root.scrollHeight,
  sections: [...document.querySelectorAll('section')].filter(s => s.offsetHeight > 60).map(s => s.id),
  links: [...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash)),
  scripts: document.scripts.length, images: document.images.length,
  shownImages: [...document.images].filter(i => i.naturalWidth > 0).length,
  headings: document.querySelectorAll('h1').length, handlers: document.querySelectorAll('[onerror],[onmouseover]').length,
  title: encodeURIComponent(document.title),
  h1: encodeURIComponent(document.querySelector('h1').textContent),
  paths: [...document.querySelectorAll('.path')].map(p => encodeURIComponent(p.textContent)),
  contrast, palest, numTexts, cut: cut.map(encodeURIComponent)});
document.body.append(pre);
</script>)js";

std::string find_browser() {
  const char* path = std::getenv("PATH");
  std::string folders = path == nullptr ? "" : path;
  for (const char* name : {"chromium-headless-shell", "chromium", "google-chrome"}) {
    for (std::size_t begin = 0; begin < folders.size();) {
      const std::size_t end = std::min(folders.find(':', begin), folders.size());
      const fs::path program = fs::path(folders.substr(begin, end - begin)) / name;
      if (fs::exists(program)) {
        return program.string();
      }
      begin = end + 1;
    }
  }
  return "";
}

std::string percent_encoded(const std::string& text) {  // as encodeURIComponent
  static const std::string kKept = "-_.!~*'()";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    char hex[4];
    std::snprintf(hex, sizeof(hex), "%%%02X", byte);
    encoded += byte < 0x80 && (std::isalnum(byte) != 0 || kKept.find(c) != std::string::npos)
                   ? std::string(1, c)
                   : std::string(hex);
  }
  return encoded;
}

struct Window {
  int width, height;
  bool dark;
};

class ReportInBrowser : public ::testing::Test {
 protected:
  void SetUp() override {
    if (browser_.empty()) {
      GTEST_SKIP() << "no browser here; tools/deps.sh browser installs one";
    }
  }

  // What the browser prints on its two outputs.
  std::pair<std::string, std::string> show(const std::string& page, const Window& window,
                                           const std::string& action) const {
    testing::write_bytes(folder_ / "page.html", page);
    // The page is ours, so that root (as in a container) may go without the sandbox.
    const std::string command =
        "HOME='" + folder_.path().string() + "' '" + browser_ +
        "' --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars "
        "--enable-logging=stderr --user-data-dir='" +
        (folder_ / "profile").string() +
        "' --blink-settings=preferredColorScheme=" + (window.dark ? "0" : "1") +
        " --window-size=" + std::to_string(window.width) + "," + std::to_string(window.height) +
        " " + action + " 'file://" + (folder_ / "page.html").string() + "' >'" +
        (folder_ / "out").string() + "' 2>'" + (folder_ / "err").string() + "' </dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0) << read_file(folder_ / "err");
    return {read_file(folder_ / "out"), read_file(folder_ / "err")};
  }

  nlohmann::json audit(std::string page, const Window& window) const {
    const std::size_t policy = page.find("<meta http-equiv");
    page.erase(policy, page.find('>', policy) + 1 - policy);  // it forbids the audit, too
    page.insert(page.find("</body>"), kAudit);
    const std::string dom = show(page, window, "--dump-dom").first;
    const std::string start = "<pre id=\"audit\">";
    const std::size_t begin = dom.find(start);
    if (begin == std::string::npos) {
      ADD_FAILURE() << "the audit did not run";
      return {};
    }
    return nlohmann::json::parse(
        dom.substr(begin + start.size(), dom.find("</pre>", begin) - begin - start.size()));
  }

  testing::TemporaryFolder folder_;
  std::string browser_ = find_browser();
};

// Facts of any page of ours, in any window.
void expect_readable(const nlohmann::json& audit, const Window& window) {
  EXPECT_EQ(audit.at("clientWidth"), window.width);
  EXPECT_LE(audit.at("scrollWidth"), audit.at("clientWidth")) << "the page scrolls sideways";
  EXPECT_TRUE(audit.at("links"));
  EXPECT_EQ(audit.at("scripts"), 1) << "the audit alone";
  EXPECT_EQ(audit.at("handlers"), 0);
  EXPECT_EQ(audit.at("headings"), 1);
  EXPECT_EQ(audit.at("images"), 3);
  EXPECT_EQ(audit.at("shownImages"), 3);
  EXPECT_GT(audit.at("numTexts"), 100);
  EXPECT_GE(audit.at("contrast"), 4.5) << audit.at("palest");
  EXPECT_TRUE(audit.at("cut").empty()) << audit.at("cut");
  EXPECT_EQ(audit.at("sections"),
            (std::vector<std::string>{"result", "confusion", "classes", "folds", "calibration",
                                      "curves", "errors", "origin"}));
}

TEST_F(ReportInBrowser, is_readable_in_wide_and_narrow_windows_in_light_and_dark) {
  const std::string page = report_page(testing::example_run());
  for (const Window window : {Window{1280, 900, false}, Window{1280, 900, true},
                              Window{390, 800, false}, Window{390, 800, true}}) {
    SCOPED_TRACE(std::to_string(window.width) + (window.dark ? " dark" : " light"));
    expect_readable(audit(page, window), window);
  }
}

TEST_F(ReportInBrowser, audit_sees_what_it_is_there_for) {
  std::string page = report_page(testing::example_run());
  page.insert(
      page.find("</main>"),
      "<p style=\"width:2000px;max-width:none;color:#aaa\">wide and pale</p>"
      "<svg class=\"chart\" width=\"99\" height=\"20\"><text x=\"90\">cut off</text></svg>");
  const nlohmann::json seen = audit(page, {1280, 900, false});
  EXPECT_GT(seen.at("scrollWidth"), 2000);
  EXPECT_LT(seen.at("contrast"), 2.5);
  EXPECT_EQ(seen.at("cut"), nlohmann::json::array({"cut%20off"}));
}

TEST_F(ReportInBrowser, shows_hostile_names_as_they_are) {
  const RunReport report = testing::hostile_run();
  const std::string page = report_page(report);
  for (const Window window : {Window{1280, 900, false}, Window{390, 800, false}}) {
    const nlohmann::json seen = audit(page, window);
    expect_readable(seen, window);
    EXPECT_EQ(seen.at("h1"), percent_encoded(report.title));
    EXPECT_EQ(seen.at("title"), percent_encoded(report.title + " - vggroove report"));
    ASSERT_EQ(seen.at("paths").size(), report.pictures.size());
    for (std::size_t i = 0; i < report.pictures.size(); ++i) {
      EXPECT_EQ(seen.at("paths")[i], percent_encoded(report.clips[report.pictures[i].clip]));
    }
  }
}

TEST_F(ReportInBrowser, has_nothing_to_complain_about_on_the_console) {
  const Window window{1280, 900, false};
  std::string page = report_page(testing::example_run());
  EXPECT_EQ(show(page, window, "--dump-dom").second.find("CONSOLE"), std::string::npos);
  // Would this test see a complaint? A picture from elsewhere is against the page's own policy.
  page.insert(page.find("</main>"), "<img src=\"http://127.0.0.1:9/x.png\" alt=\"\">");
  EXPECT_NE(show(page, window, "--dump-dom").second.find("CONSOLE"), std::string::npos);
}

TEST_F(ReportInBrowser, paints_a_picture_that_is_not_blank) {
  const std::string page = report_page(testing::example_run());
  for (const bool dark : {false, true}) {
    const fs::path picture = folder_ / (dark ? "dark.png" : "light.png");
    show(page, {1280, 2600, dark}, "--screenshot='" + picture.string() + "'");
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    ASSERT_NE(png_image_begin_read_from_file(&image, picture.c_str()), 0) << image.message;
    image.format = PNG_FORMAT_RGB;
    EXPECT_EQ(image.width, 1280U);
    std::vector<png_byte> pixels(PNG_IMAGE_SIZE(image));
    ASSERT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0);
    std::set<std::uint32_t> colours;
    double sum = 0;
    for (std::size_t i = 0; i < pixels.size(); i += 3) {
      colours.insert(pixels[i] << 16U | pixels[i + 1] << 8U | pixels[i + 2]);
      sum += pixels[i + 1];
    }
    EXPECT_GT(colours.size(), 200U) << "spectrograms, charts, smooth letters";
    const double mean = 3 * sum / static_cast<double>(pixels.size());
    EXPECT_TRUE(dark ? mean < 60 : mean > 200) << mean;
  }
}

}  // namespace
}  // namespace vggroove
