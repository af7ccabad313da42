#pragma once

namespace vggroove::cli {

// Says on stderr what the exception that is being handled is about, and returns the exit code that
// it means. To be called from a catch block.
int report_failure();

// Processes that a launcher started together mostly fail together, each with the same message: all
// but the first wait here before they say theirs, until the launcher has ended them.
void let_the_first_process_speak();

}  // namespace vggroove::cli
