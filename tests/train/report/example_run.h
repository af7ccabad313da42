#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "plot/charts.h"
#include "plot/png_file.h"
#include "train/random.h"
#include "train/report/run_report.h"

namespace vggroove::testing {

// A judged run with all that a page can show: 10 genres, 200 clips, 10 folds, two scores, learning
// curves, three worst errors with a picture and one without.
inline RunReport example_run() {
  constexpr std::size_t kGenres = 10, kClips = 200, kFolds = 10, kCurves = 12;
  RunReport report;
  report.title = "gtzan.csv";
  report.subtitle = "10-fold cross-validation of 200 clips of 10 genres; folds by groups, seed 1.";
  report.warnings = {"Folds by clips promise +12.5 points of accuracy against folds by groups."};
  report.labels = {"blues", "classical", "country", "disco",  "hiphop",
                   "jazz",  "metal",     "pop",     "reggae", "rock"};
  Random random(1);
  std::vector<double> hits(kFolds), counts(kFolds);
  for (std::size_t clip = 0; clip < kClips; ++clip) {
    const std::size_t truth = clip % kGenres, fold = clip / (kClips / kFolds);
    report.clips.push_back("/music/" + report.labels[truth] + "/" + std::to_string(clip) + ".au");
    report.truth.push_back(static_cast<int>(truth));
    report.fold_of_clip.push_back(static_cast<int>(fold));
    std::vector<double> scores(kGenres);
    double sum = 0;
    for (std::size_t c = 0; c < kGenres; ++c) {
      scores[c] = std::exp(1.5 * random.normal() + (c == truth ? 2.5 : 0));
      sum += scores[c];
    }
    counts[fold] += 1;
    hits[fold] += std::max_element(scores.begin(), scores.end()) - scores.begin() ==
                          static_cast<std::ptrdiff_t>(truth)
                      ? 1
                      : 0;
    for (const double score : scores) {
      report.probabilities.push_back(score / sum);
    }
  }
  RunReport::Score by_groups{
      .name = "folds by groups", .accuracy = 0.6, .low = 0.53, .high = 0.67, .fold_accuracies = {}};
  RunReport::Score by_clips{.name = "folds by clips",
                            .accuracy = 0.725,
                            .low = 0.66,
                            .high = 0.78,
                            .fold_accuracies = {}};
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    by_groups.fold_accuracies.push_back(hits[fold] / counts[fold]);
    by_clips.fold_accuracies.push_back(std::min(1.0, hits[fold] / counts[fold] + 0.1));
  }
  report.scores = {std::move(by_clips), std::move(by_groups)};
  for (std::size_t i = 0; i < kCurves; ++i) {
    RunReport::Curve& curve = report.curves.emplace_back();
    for (std::size_t epoch = 0; epoch < 20 + 3 * i; ++epoch) {
      const double fall = std::exp(-0.1 * static_cast<double>(epoch));
      curve.epochs.push_back({.train_loss = 2 * fall + 0.02 * random.uniform(),
                              .validation_loss = 0.9 + 1.4 * fall + 0.1 * random.uniform(),
                              .validation_accuracy = 0.6 - 0.5 * fall + 0.05 * random.uniform()});
    }
  }
  std::vector<float> values(300 * 64);
  for (float& value : values) {
    value = static_cast<float>(random.normal());
  }
  const plot::HeatMap map{.values = values,
                          .num_columns = 300,
                          .num_rows = 64,
                          .title = "",
                          .x_label = "",
                          .y_label = "",
                          .value_label = "",
                          .x_ticks = {},
                          .y_ticks = {}};
  for (const std::size_t clip : worst_errors(report, 4)) {
    const bool has_audio = report.pictures.size() < 3;
    report.pictures.push_back(
        {.clip = clip,
         .png = has_audio ? plot::encode_png(plot::heat_map_values(map, 300, 1)) : "",
         .why_none = has_audio ? "" : "no audio file of this name (feature tables hold none).",
         .duration_s = 3});
  }
  report.facts = {{"Data", "/music/gtzan.csv"}, {"Seed", "1"}, {"--hidden", "100"}};
  report.files = {{"metrics.json", "all scores, for machines"}};
  return report;
}

// What breaks out of a page that forgets to escape it.
inline constexpr const char* kHostileNames[] = {
    "<script>document.title='taken'</script>",
    "\"><img src=x onerror=\"document.title='taken'\">",
    "' onmouseover='document.title=1' x='",
    "</title></style></section><h1>taken</h1>",
    "&lt;b&gt; &amp; &#0; &copy;",
    "{} {0} %s -- <!-- ]]>",
    "\u202egnp.3pm \u0645\u0648\u0633\u064a\u0642\u0649 \U0001F3B5 \u97f3\u697d",
    ("a very long name without any place to break it "
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "x")};

// The example with every text that comes from outside replaced by a hostile one.
inline RunReport hostile_run() {
  RunReport report = example_run();
  std::size_t next = 0;
  const auto replace = [&](std::string& text) {
    text = kHostileNames[next++ % std::size(kHostileNames)];
  };
  for (std::string& label : report.labels) {
    replace(label);
  }
  for (const RunReport::Picture& picture : report.pictures) {
    replace(report.clips[picture.clip]);
  }
  for (RunReport::Picture& picture : report.pictures) {
    replace(picture.why_none);
  }
  for (RunReport::Fact& fact : report.facts) {
    replace(fact.name);
    replace(fact.value);
  }
  for (RunReport::Score& score : report.scores) {
    replace(score.name);
  }
  replace(report.title);
  replace(report.subtitle);
  replace(report.warnings.front());
  return report;
}

}  // namespace vggroove::testing
