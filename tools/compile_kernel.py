#!/usr/bin/env python3
"""Runs nvcc on the CUDA source of one kernel cell, quietly, and writes down what its kernels use.

    compile_kernel.py CELL USAGE_FILE nvcc ... -Xptxas=-v ...

USAGE_FILE gets one line per kernel and architecture, as in kernels/budgets.tsv.
"""

import re
import subprocess
import sys

ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(sm_\w+)'")
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")
SAYS_NOTHING = re.compile(r"^ptxas info|^\s+\d+ bytes stack frame")
# nvcc's name for the anonymous namespace of a file; it depends on where the file lies.
ANONYMOUS = re.compile(r"_GLOBAL__N__\w+?::|\(anonymous namespace\)::")


def bare_name(demangled):
    """void vggroove::_GLOBAL__N__1_sum_cu_2::sum_kernel<4>(float*) -> sum_kernel<4>"""
    text, begin, depth = ANONYMOUS.sub("", demangled), 0, 0
    for i, c in enumerate(text):
        depth += (c == "<") - (c == ">")
        if depth == 0 and c in " :":
            begin = i + 1
        elif depth == 0 and c == "(":
            return text[begin:i]
    return text[begin:]


def kernels_in(log):
    """[(mangled name, architecture, registers, shared bytes, spilled bytes)] of ptxas -v's output"""
    kernels, entry, spills = [], None, 0
    for line in log.splitlines():
        if found := ENTRY.search(line):
            entry, spills = found.groups(), 0
        elif entry and (found := SPILLS.search(line)):
            spills = sum(map(int, found.groups()))
        elif entry and (found := REGISTERS.search(line)):
            shared = SHARED.search(line)
            kernels.append((*entry, int(found[1]), int(shared[1]) if shared else 0, spills))
            entry = None
    return kernels


def main():
    cell, usage_file, *command = sys.argv[1:]
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    for line in run.stderr.splitlines():
        if not SAYS_NOTHING.match(line):
            print(line, file=sys.stderr)
    if run.returncode != 0:
        sys.exit(run.returncode)
    kernels = kernels_in(run.stderr)
    names = subprocess.run(["c++filt"], input="\n".join(k[0] for k in kernels), text=True,
                           stdout=subprocess.PIPE, check=True).stdout.splitlines()
    with open(usage_file, "w") as usage:
        for name, (_, *numbers) in sorted(zip(names, kernels), key=str):
            print(cell, bare_name(name), *numbers, sep="\t", file=usage)


if __name__ == "__main__":
    main()
