#include "base/atomic_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(AtomicFile, replaces_the_old_file_only_on_commit) {
  testing::TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("new");
    EXPECT_EQ(contents(folder / "a"), "old");
    file.commit();
  }
  EXPECT_EQ(contents(folder / "a"), "new");
}

TEST(AtomicFile, leaves_no_trace_when_it_is_not_committed) {
  testing::TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  { AtomicFile(folder / "a").write("new"); }
  EXPECT_EQ(contents(folder / "a"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(AtomicFile, names_the_file_that_it_cannot_create) {
  testing::TemporaryFolder folder;
  testing::expect_error(ErrorClass::kIo, "missing/a: cannot create",
                        [&] { AtomicFile file(folder / "missing/a"); });
}

TEST(AtomicFile, temporaries_of_killed_processes_are_removed_and_nothing_else) {
  const testing::TemporaryFolder folder;
  for (const char* name : {"a.tmp.x1Y2z3", "a", "a.tmp.notes", "b.tmp.x1Y2z3"}) {
    write_file_atomically(folder / name, "text");
  }
  remove_abandoned_temporaries(folder / "a");
  EXPECT_FALSE(std::filesystem::exists(folder / "a.tmp.x1Y2z3"));
  for (const char* name : {"a", "a.tmp.notes", "b.tmp.x1Y2z3"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
  remove_abandoned_temporaries(folder / "no such folder" / "a");
}

}  // namespace
}  // namespace vggroove
