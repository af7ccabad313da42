#include "cli/metrics_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vggroove::cli {
namespace {

// 5 clips of 4 classes, one of which never occurs: 3 right.
Metrics example_metrics() {
  const std::vector<int> truth = {0, 0, 1, 1, 2};
  const std::vector<double> probabilities = {0.7, 0.1, 0.1, 0.1,  //
                                             0.1, 0.7, 0.1, 0.1,  //
                                             0.1, 0.7, 0.1, 0.1,  //
                                             0.1, 0.7, 0.1, 0.1,  //
                                             0.7, 0.1, 0.1, 0.1};
  return compute_metrics(truth, probabilities, 4, 3);
}

TEST(MetricsTable, says_the_accuracy_with_its_number_of_clips_and_interval) {
  // Wilson's interval of 3 of 5: SciPy's binomtest(3, 5).proportion_ci(method="wilson").
  EXPECT_EQ(accuracy_text(example_metrics()),
            "60.0 % (3 of 5 clips; 95 % interval 23.1 to 88.2 %)");
}

TEST(MetricsTable, is_this_table) {
  EXPECT_EQ(metrics_table(example_metrics(), {"blues", "hip hop", "Käthe", "rock"}),
            "accuracy        60.0 % (3 of 5 clips; 95 % interval 23.1 to 88.2 %)\n"
            "top-3 accuracy  80.0 %\n"
            "log loss        1.135 (ln 4 = 1.386 is guessing)\n"
            "\n"
            "                          precision  recall     F1  clips\n"
            "   1  blues                   0.500   0.500  0.500      2\n"
            "   2  hip hop                 0.667   1.000  0.800      2\n"
            "   3  Käthe                   0.000   0.000  0.000      1\n"
            "   4  rock                    0.000   0.000  0.000      0\n"
            "      macro average           0.292   0.375  0.325\n"
            "      weighted average        0.467   0.600  0.520\n"
            "\n"
            "      truth \\ prediction  1  2  3  4\n"
            "   1  blues               1  1  .  .\n"
            "   2  hip hop             .  2  .  .\n"
            "   3  Käthe               1  .  .  .\n"
            "   4  rock                .  .  .  .\n");
}

TEST(MetricsTable, keeps_its_columns_with_long_names_and_control_characters) {
  const std::string table =
      metrics_table(example_metrics(), {std::string(200, 'x'), "a\nb", "c", "d"});
  EXPECT_NE(table.find("a\\x0ab"), std::string::npos) << table;
  EXPECT_EQ(table.find(std::string(40, 'x')), std::string::npos) << table;
}

}  // namespace
}  // namespace vggroove::cli
