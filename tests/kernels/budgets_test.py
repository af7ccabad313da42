#!/usr/bin/env python3
"""Tests of tools/compile_kernel.py and tools/kernel_budgets.py, without nvcc.

    budgets_test.py SOURCE_DIR
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(sys.argv.pop(1)) / "tools"
sys.path.insert(0, str(TOOLS))
import compile_kernel  # noqa: E402

LOG = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z3sumPf' for 'sm_80'
ptxas info    : Function properties for _Z3sumPf
    0 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 14 registers, used 1 barriers, 32 bytes smem, 372 bytes cmem[0]
ptxas info    : Compiling entry function '_Z4copyPf' for 'sm_120'
ptxas info    : Function properties for _Z4copyPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
"""
ROW = "nn/sum\tsum_kernel\tsm_80\t{}\t{}\t{}\n"


class Budgets(unittest.TestCase):
    def check(self, budgets, usage):
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder, name) for name in ("budgets.tsv", "usage.tsv")]
            for path, text in zip(paths, (budgets, usage)):
                path.write_text(text)
            run = subprocess.run([sys.executable, TOOLS / "kernel_budgets.py", "check", *paths],
                                 stdout=subprocess.PIPE, text=True)
        return run.returncode, run.stdout

    def test_usage_is_read_from_the_output_of_ptxas(self):
        self.assertEqual(compile_kernel.kernels_in(LOG),
                         [("_Z3sumPf", "sm_80", 14, 32, 20), ("_Z4copyPf", "sm_120", 8, 0, 0)])

    def test_names_lose_namespaces_and_parameters(self):
        for demangled, name in [
                ("vggroove::_GLOBAL__N__7d021ce3_6_sum_cu_9e456422::sum(float*, int)", "sum"),
                ("void a::(anonymous namespace)::b<(a::E)1, c::D>(void (*)(int))",
                 "b<(a::E)1, c::D>")]:
            self.assertEqual(compile_kernel.bare_name(demangled), name)

    def test_what_keeps_within_its_budget_passes(self):
        self.assertEqual(self.check(ROW.format(32, 64, 0), ROW.format(32, 0, 0))[0], 0)

    def test_every_excess_is_named(self):
        for usage, what in [((33, 64, 0), "33 registers, budget 32"),
                            ((32, 65, 0), "65 bytes of static shared memory, budget 64"),
                            ((32, 64, 4), "4 bytes spilled, budget 0")]:
            status, text = self.check(ROW.format(32, 64, 0), ROW.format(*usage))
            self.assertEqual(status, 1)
            self.assertIn("nn/sum sum_kernel sm_80: " + what, text)

    def test_kernels_without_budget_and_budgets_without_kernel_are_named(self):
        self.assertIn("has no budget", self.check("", ROW.format(1, 0, 0))[1])
        self.assertIn("no such kernel", self.check(ROW.format(1, 0, 0), "")[1])
        self.assertEqual(self.check("", "")[0], 1)


if __name__ == "__main__":
    unittest.main()
