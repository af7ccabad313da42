#!/usr/bin/env python3
"""Checks of the source tree that no compiler makes: include arrows, prefixes, file names.

    check_tree.py SOURCE_DIR
"""

import pathlib
import re
import sys

# Who may include whom (docs/decisions/0001): a part may include itself and these.
ARROWS = {
    "base": set(),
    "kernels": {"base"},
    "weights": {"base"},
    "plot": {"base"},
    "engine": {"base", "kernels", "weights"},
    "frontend": {"base", "kernels", "engine/device"},
    "pipeline": {"base", "kernels", "weights", "engine", "frontend"},
    "train": {"base", "kernels", "weights", "engine", "frontend", "pipeline", "plot"},
    "cli": {"base", "kernels", "weights", "engine", "frontend", "pipeline", "train", "plot"},
}
PRINTING = re.compile(r"\b(std::c(out|err)|(f?printf|puts|putchar)\s*\(|fmt::print|exit\s*\()")
AVOIDED_NAMES = re.compile(r"(util|misc|helper|manager|fast|optimi[sz]ed)", re.IGNORECASE)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def main():
    root = pathlib.Path(sys.argv[1])
    problems, num_includes = [], 0
    for part, allowed in ARROWS.items():
        files = sorted(p for p in (root / part).rglob("*") if p.suffix in {".cpp", ".h", ".cu", ".cuh"})
        if not files:
            problems.append(f"{part}/: no source files; remove the part from this check")
        for path in files:
            name, text = path.relative_to(root), path.read_text()
            for included in INCLUDE.findall(text):
                num_includes += 1
                target = included.split("/")[0]
                fits = target == part or any(included.startswith(a + "/") for a in allowed)
                if not fits:
                    problems.append(f"{name}: may not include {included} ({part} -> {sorted(allowed)})")
            code = re.sub(r"//.*|\"(\\.|[^\"\\])*\"", "", text)
            if part != "cli" and (found := PRINTING.search(code)):
                problems.append(f"{name}: only cli/ prints or exits: {found.group(0)}")
            guarded_otherwise = path.stem.endswith("-inl")  # included once per SIMD target
            if path.suffix == ".h" and not guarded_otherwise and "#pragma once" not in text:
                problems.append(f"{name}: #pragma once is missing")
            if AVOIDED_NAMES.search(path.stem):
                problems.append(f"{name}: the file name says nothing; name the thing")
    if num_includes < 50:
        problems.append(f"only {num_includes} includes seen: this check no longer reads the tree")
    print("\n".join(problems) or f"{num_includes} includes follow the arrows")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
