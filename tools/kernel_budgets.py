#!/usr/bin/env python3
"""Compares what the compiled kernels use with their committed budgets (kernels/budgets.tsv).

    kernel_budgets.py check  BUDGETS USAGE_FILE...   says what exceeds its budget, or has none
    kernel_budgets.py update BUDGETS USAGE_FILE...   writes the budgets anew, from what is used
"""

import sys

HEADER = "cell\tkernel\tarchitecture\tregisters\tshared_bytes\tspilled_bytes"
WHAT = ("registers", "bytes of static shared memory", "bytes spilled")


def rows(path):
    """{(cell, kernel, architecture): (registers, shared bytes, spilled bytes)}"""
    with open(path) as file:
        lines = [line.rstrip("\n").split("\t") for line in file if line.strip()]
    return {tuple(f[:3]): tuple(map(int, f[3:])) for f in lines if "\t".join(f) != HEADER}


def check(budgets, usage):
    problems = [f"{' '.join(key)}: has no budget" for key in usage.keys() - budgets.keys()]
    problems += [f"{' '.join(key)}: has a budget, but no such kernel was compiled"
                 for key in budgets.keys() - usage.keys()]
    for key in usage.keys() & budgets.keys():
        for what, used, allowed in zip(WHAT, usage[key], budgets[key]):
            if used > allowed:
                problems.append(f"{' '.join(key)}: {used} {what}, budget {allowed}")
    if not usage:
        problems.append("no kernels were compiled: nothing to compare")
    if problems:
        print(*sorted(problems), sep="\n")
        print("If that is meant: cmake --build --preset release --target update_kernel_budgets")
        sys.exit(1)
    print(f"{len(usage)} kernels (times architectures) keep within their budgets")


def update(path, usage):
    with open(path, "w") as file:
        print(HEADER, file=file)
        for key in sorted(usage):
            print(*key, *usage[key], sep="\t", file=file)


def main():
    command, path, *usage_files = sys.argv[1:]
    usage = {}
    for usage_file in usage_files:
        usage.update(rows(usage_file))
    if command == "update":
        update(path, usage)
    else:
        check(rows(path), usage)


if __name__ == "__main__":
    main()
