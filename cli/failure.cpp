#include "cli/failure.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <thread>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "engine/backends/processes.h"

namespace vggroove::cli {
namespace {

void say(const std::string& message) {
  let_the_first_process_speak();
  std::fprintf(stderr, "vggroove: %s\n", message.c_str());
}

}  // namespace

int report_failure() {
  try {
    throw;
  } catch (const Interrupted& interrupted) {
    return 128 + interrupted.signal;
  } catch (const Error& error) {
    say(error.what());
    return error.error_class() == ErrorClass::kUsage ? kUsageError : kFailed;
  } catch (const std::bad_alloc&) {
    say("out of memory; try fewer --jobs");
    return kFailed;
  } catch (const std::exception& error) {
    say(error.what());
    return kFailed;
  }
}

void let_the_first_process_speak() {
  if (const auto launch = find_launch(); launch && launch->rank > 0) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace vggroove::cli
