#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/train/report/example_run.h"
#include "train/report/html_text.h"
#include "train/report/run_report.h"

namespace vggroove {
namespace {

using testing::example_run;

bool contains(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

std::size_t count_of(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  for (std::size_t at = text.find(words); at != std::string::npos;
       at = text.find(words, at + words.size())) {
    ++count;
  }
  return count;
}

TEST(HtmlText, leaves_nothing_that_html_would_read) {
  EXPECT_EQ(html_text("<a href=\"x\" b='y'>&amp;"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
  EXPECT_EQ(html_text(std::string("a\0b\n\x7f", 5)), "a\uFFFDb\uFFFD\uFFFD");
  EXPECT_EQ(html_text("Bj\u00f6rk \u97f3\u697d"), "Bj\u00f6rk \u97f3\u697d");
}

TEST(PngDataUri, is_base64_of_any_length) {  // RFC 4648, section 10
  const std::string start = "data:image/png;base64,";
  EXPECT_EQ(png_data_uri(""), start);
  EXPECT_EQ(png_data_uri("f"), start + "Zg==");
  EXPECT_EQ(png_data_uri("fo"), start + "Zm8=");
  EXPECT_EQ(png_data_uri("foo"), start + "Zm9v");
  EXPECT_EQ(png_data_uri("foob"), start + "Zm9vYg==");
  EXPECT_EQ(png_data_uri("\xff\xfe\xfb"), start + "//77");
}

TEST(WorstErrors, are_wrong_and_gave_the_truth_the_least) {
  RunReport report;
  report.labels = {"a", "b"};
  report.clips = {"right", "wrong", "worse", "as wrong"};
  report.truth = {0, 0, 1, 1};
  report.probabilities = {0.9, 0.1, 0.4, 0.6, 0.8, 0.2, 0.6, 0.4};
  EXPECT_EQ(worst_errors(report, 9), (std::vector<std::size_t>{2, 1, 3}));
  EXPECT_EQ(worst_errors(report, 1), (std::vector<std::size_t>{2}));
}

TEST(ReportPage, needs_nothing_but_itself) {
  const std::string page = report_page(example_run());
  for (const char* foreign : {"http:", "https:", "//", "<script", "<link", "@import", "url("}) {
    // Base64 may hold slashes.
    EXPECT_EQ(count_of(page, std::string("\"") + foreign), 0U) << foreign;
    if (std::string(foreign) != "//") {
      EXPECT_FALSE(contains(page, foreign)) << foreign;
    }
  }
  EXPECT_EQ(count_of(page, "src=\""), count_of(page, "src=\"data:image/png;base64,"));
  EXPECT_TRUE(contains(page, "default-src 'none'"));
}

TEST(ReportPage, names_the_scores) {
  const std::string page = report_page(example_run());
  for (const char* words :
       {"60.0<small>%</small>", "53.0 to 67.0&nbsp;%", "folds by clips", "Folds by clips promise",
        "id=\"confusion\"", "id=\"classes\"", "id=\"folds\"", "id=\"curves\"", "id=\"calibration\"",
        "id=\"errors\"", "id=\"origin\"", "no audio file of this name"}) {
    EXPECT_TRUE(contains(page, words)) << words;
  }
  EXPECT_EQ(count_of(page, "<img "), 3U);
}

TEST(ReportPage, leaves_out_what_a_run_without_folds_and_curves_has_not) {
  RunReport report = example_run();
  report.fold_of_clip.clear();
  report.scores.clear();
  report.curves.clear();
  report.pictures.clear();
  const std::string page = report_page(report);
  for (const char* words : {"\"folds\"", "#folds", "\"curves\"", "#curves", "; fold "}) {
    EXPECT_FALSE(contains(page, words)) << words;
  }
  EXPECT_TRUE(contains(page, "of 200 clips are right"));
  EXPECT_TRUE(contains(page, "Every clip was predicted rightly."));
}

TEST(ReportPage, names_stay_names_whatever_they_hold) {
  const std::string page = report_page(testing::hostile_run());
  for (const char* tag : {"<script", "<img src=x", "<h1>taken", "<b>"}) {
    EXPECT_FALSE(contains(page, tag)) << tag;
  }
  EXPECT_EQ(count_of(page, "</style>"), 1U);
  EXPECT_EQ(count_of(page, "</title>"), count_of(page, "<title>"));
}

}  // namespace
}  // namespace vggroove
