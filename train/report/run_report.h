#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "train/metrics.h"

namespace vggroove {

// What a page about a judged classifier is made of. Texts are UTF-8 and may hold anything: names of
// files and genres come from outside.
struct RunReport {
  struct Fact {
    std::string name, value;
  };
  struct Epoch {
    double train_loss = 0;
    double validation_loss = 0, validation_accuracy = 0;  // NaN without validation clips
  };
  struct Curve {  // of one training
    std::vector<Epoch> epochs;
    std::size_t best_epoch = 0;  // from 1; 0: none was chosen
  };
  // One way to judge the classifier; a second one is there to be compared with.
  struct Score {
    std::string name;  // "folds by groups"
    double accuracy = 0, low = 0, high = 0;
    std::vector<double> fold_accuracies;
  };
  struct Picture {  // of a wrongly predicted clip
    std::size_t clip = 0;
    std::string png;        // the bytes of its spectrogram; empty: there is none,
    std::string why_none;   // for this reason
    double duration_s = 0;  // that it shows
  };
  struct File {
    std::string name, description;  // name: relative to the page
  };

  std::string title, subtitle;
  std::vector<std::string> warnings;  // what a reader must know before believing the scores
  std::vector<std::string> labels;    // [K]
  std::vector<std::string> clips;     // [n] names
  std::vector<int> truth;             // [n]
  std::vector<double> probabilities;  // [n, K] row-major
  std::vector<int> fold_of_clip;      // [n] from 0; empty: there were no folds
  std::vector<Score> scores;          // the one of these predictions last; empty: made from them
  std::vector<Curve> curves;          // may be empty
  std::vector<Picture> pictures;      // in the order of worst_errors()
  std::vector<Fact> facts;            // how the run was made
  std::vector<File> files;            // that lie beside the page
};

// The wrong predictions, by the probability that the truth got (least first, then in the order of
// the clips): at most `count` of them.
std::vector<std::size_t> worst_errors(const RunReport& report, std::size_t count);

// A page in HTML that needs nothing but itself: no script, no other file, no network (and a
// Content-Security-Policy that forbids them). It follows the reader's choice of light or dark and
// the width of the window. Throws what compute_metrics() throws.
std::string report_page(const RunReport& report);

}  // namespace vggroove
