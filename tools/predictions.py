#!/usr/bin/env python3
"""The page of predicted times (docs/predictions.md), from what kernels/simt counts.

    predictions.py update KERNEL_COUNTS PAGE   writes the page anew
    predictions.py check  KERNEL_COUNTS PAGE   says where the page is off by more than 2 %
"""

import json
import re
import subprocess
import sys

# NVIDIA H100 SXM5, from "NVIDIA H100 Tensor Core GPU Architecture" (white paper), dense rates.
BYTES_PER_S = 3.352e12
OPERATIONS_PER_S = {"fp32": 66.9e12, "fp64": 33.5e12, "tf32": 494.7e12, "bf16": 989.4e12}
MULTIPROCESSORS = 132
# A multiprocessor makes one pass over its banks a clock; 66.9e12 are 2 x 128 lanes x 132 x clock.
SHARED_PASSES_PER_S = OPERATIONS_PER_S["fp32"] / 256

BATCH = 32
EXAMPLE_S = 0.96  # of audio
TOLERANCE = 0.02  # compilers of another version count a little differently

INTRODUCTION = f"""# Predicted times on an H100

**A prediction, not a measurement: nothing on this page has run on a GPU.** `tools/predictions.py` wrote it from what
`kernel_counts` counts on the simulator; the test `predictions` (label traffic) compares the two. Another version of the
compiler may count up to 2 % differently.

- A time is the longest of: bytes at {BYTES_PER_S / 1e12} TB/s; operations at their rate; passes over the banks of shared memory, one a clock
  on each of {MULTIPROCESSORS} multiprocessors. It is what the hardware allows. Launches (some 3 us each), latencies, instructions
  that are neither, and copies from the host come on top. `kernel_bench` measures the share that is reached; the comments over
  the kernels say which share is aimed at.
- Peaks of an H100 SXM5 (NVIDIA, "H100 Tensor Core GPU Architecture"): fp32 {OPERATIONS_PER_S["fp32"] / 1e12} and fp64 {OPERATIONS_PER_S["fp64"] / 1e12} TFLOP/s, tensor cores
  {OPERATIONS_PER_S["tf32"] / 1e12} in tf32 and {OPERATIONS_PER_S["bf16"] / 1e12} in bf16 (dense).
- Bytes are counted at two small sizes and carried on in a straight line. *At best* every sector crosses the memory bus once
  (perfect caches), *at worst* once for each request (no caches).
- Operations come from the layers' and kernels' arithmetic; the simulator does not count them.
"""


def extrapolated(counts, ratio):
    return counts[0] + (ratio - 1) * (counts[1] - counts[0])


class Work:
    """Seconds at best and at worst, and what binds at best."""

    def __init__(self, best_bytes, worst_bytes, operations, shared_passes=0):
        ways = {kind: count / OPERATIONS_PER_S[kind] for kind, count in operations.items()}
        ways["shared memory"] = shared_passes / SHARED_PASSES_PER_S
        others_s = max(ways.values())
        self.bytes = best_bytes
        self.best_s = max(best_bytes / BYTES_PER_S, others_s)
        self.worst_s = max(worst_bytes / BYTES_PER_S, others_s)
        self.bound = "memory" if self.best_s > others_s else max(ways, key=ways.get)


def work_of(workload, size):
    ratio = size / workload["counted_size"]

    def total(key):
        return sum(extrapolated(launch[key], ratio) for launch in workload["launches"])

    operations = {kind: extrapolated(workload[kind + "_operations"], ratio) for kind in ("fp32", "fp64")}
    return Work(total("footprint_bytes"), total("sector_bytes"), operations, total("shared_passes"))


def layer_work(layer, precision, passes=1, fp32_results=0):
    """A layer computed by a library: its operands once a pass, its multiply-adds at the tensor cores' rate.
    fp32_results: values that are written in fp32 in spite of the precision."""
    size = 2 if precision == "bf16" else 4
    moved = passes * size * (BATCH * (layer["inputs"] + layer["outputs"]) + layer["parameters"])
    moved += (4 - size) * fp32_results
    return Work(moved, moved, {precision: passes * 2 * BATCH * layer["macs"]})


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def microseconds(seconds):
    return f"{1e6 * seconds:.3g}" if seconds < 1e-3 else f"{1e6 * seconds:.0f}"


def row(name, work):
    return [name, f"{work.bytes / 1e6:.3g}", microseconds(work.best_s), microseconds(work.worst_s), work.bound]


COLUMNS = ["MB at best", "us at best", "us at worst", "bound by"]


def kernels_table(workloads):
    rows = []
    for workload in workloads:
        work = work_of(workload, workload["device_size"])
        size = f"{workload['device_size']} {workload['unit']}"
        rows.append([workload["cell"], workload["name"], size] + row("", work)[1:])
    return table(["cell", "workload", "size"] + COLUMNS, rows)


def step(title, parts, note):
    rows = [row(name, work) for name, work in parts]
    best_s, worst_s = sum(w.best_s for _, w in parts), sum(w.worst_s for _, w in parts)
    rows.append(["**together**", f"{sum(w.bytes for _, w in parts) / 1e6:.3g}", f"**{microseconds(best_s)}**",
                 f"**{microseconds(worst_s)}**", ""])
    audio = f"{BATCH * EXAMPLE_S / worst_s / 1e3:.3g} thousand"
    return f"## {title}\n\n{table(['part'] + COLUMNS, rows)}\n{note.format(audio=audio)}\n"


def inference_step(counts, own, precision):
    kernels = "bf16" if precision == "bf16" else "fp32"
    parts = [("log-mel v4", own("dsp/logmel", "v4, fp32 from fp32"))]
    pools = iter(("pool2", "pool3", "pool4"))
    for layer in counts["layers"]:
        if layer["kind"] == "conv1":
            parts.append(("conv1 and its pool", own("nn/conv1_pool", f"conv1, {kernels}")))
            continue
        parts.append((layer["name"], layer_work(layer, precision)))
        if layer["name"] in ("conv2", "conv3/conv3_2", "conv4/conv4_2"):
            pool = next(pools)
            parts.append((pool, own("nn/maxpool2x2", f"{pool}, {kernels}")))
    return step(f"Inference, {precision}, {BATCH} examples: fp32 samples to embeddings", parts,
                "That would be {audio} seconds of audio a second (at worst), with the samples already on the device: 65 kB for each "
                "of those seconds.")


POOLED = ("conv1", "conv2", "conv3/conv3_2", "conv4/conv4_2")


def training_step(counts, own):
    """What CudaTraining does with a batch in bf16: operation by operation of training_backend.h."""
    layers = counts["layers"]
    by_name = {layer["name"]: layer for layer in layers}
    dense = [layer for layer in layers if layer["kind"] == "dense"]
    filters = sum(layer["parameters"] for layer in layers if layer["kind"] != "dense")
    parameters = sum(layer["parameters"] for layer in layers)
    # The ReLUs that no pool sees to: of what the layer above reads.
    open_relus = [layer for layer in layers if layer["name"] not in POOLED and layer["name"] != "fc2"]
    dropped = [layer for layer in dense if layer["name"] != "fc2"]

    def outputs(of):
        return BATCH * sum(layer["outputs"] for layer in of)

    parts = [("log-mels to bf16", own("nn/layout", "cast, fp32 to bf16", BATCH * by_name["conv1"]["inputs"]))]
    for layer in layers:
        if layer["kind"] == "dense":
            parts.append((f"{layer['name']}: forward, input and weight gradients",
                          layer_work(layer, "bf16", 3, fp32_results=layer["parameters"])))
        elif layer["kind"] == "conv1":
            parts.append((f"{layer['name']}: forward and weight gradients", layer_work(layer, "bf16", 2)))
        else:
            parts.append((f"{layer['name']}: forward, input and weight gradients", layer_work(layer, "bf16", 3)))
    for way in ("with codes", "backward"):
        # pool1 has twice the elements of pool2
        parts.append((f"pool1 {way}", own("nn/maxpool2x2", f"pool2 {way}, bf16", 2 * BATCH)))
        parts += [(f"{pool} {way}", own("nn/maxpool2x2", f"{pool} {way}, bf16")) for pool in ("pool2", "pool3", "pool4")]
    convolutions = [layer for layer in layers if layer["kind"] != "dense"]
    parts += [("gradients of the convolutions' biases", own("nn/bias_grad", "bias, bf16", outputs(convolutions) / 256)),
              ("ReLUs of conv3_1, conv4_1, fc1_1 and fc1_2, backward",
               own("nn/pointwise", "ReLU backward, bf16", outputs(open_relus))),
              ("dropout, both ways", own("nn/dropout", "bf16", 2 * outputs(dropped))),
              ("gradients of the convolutions' weights to fp32", own("nn/layout", "cast, bf16 to fp32", filters)),
              ("loss and its gradient", own("nn/softmax_xent", "10 classes")),
              ("norm of the gradients", own("optim/global_norm", "fp32 gradients", parameters)),
              ("AdamW", own("optim/adamw", "fp32 gradients, bf16 copies", parameters))]
    return step(f"Training, bf16, {BATCH} examples, all layers", parts,
                "That would be {audio} seconds of audio a second (at worst): what the CUDA backend does with a batch "
                "of log-mels\nthat lies on the device, in three CUDA graphs. The head behind the embedding is left "
                "out. conv1 goes through cuDNN without its pool.")


def page(counts):
    by_name = {(w["cell"], w["name"]): w for w in counts["workloads"]}

    def own(cell, name, size=BATCH):
        return work_of(by_name[cell, name], size)

    parts = [INTRODUCTION]
    parts += [inference_step(counts, own, precision) for precision in ("bf16", "tf32", "fp32")]
    parts.append(training_step(counts, own))
    parts.append("## Kernel by kernel, at the sizes of `kernel_bench`\n\n" + kernels_table(counts["workloads"]))
    return "\n".join(parts)


NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def differences(committed, fresh):
    old_lines, new_lines = committed.splitlines(), fresh.splitlines()
    if len(old_lines) != len(new_lines):
        yield f"{len(old_lines)} lines, and should be {len(new_lines)}"
        return
    for number, (old, new) in enumerate(zip(old_lines, new_lines), 1):
        same_text = NUMBER.sub("#", old) == NUMBER.sub("#", new)
        pairs = zip(map(float, NUMBER.findall(old)), map(float, NUMBER.findall(new)))
        if not same_text or not all(abs(a - b) <= TOLERANCE * max(a, b) for a, b in pairs):
            yield f"line {number}:\n  {old}\n  should be\n  {new}"


def main():
    command, program, path = sys.argv[1:]
    counts = json.loads(subprocess.run([program], check=True, capture_output=True, text=True).stdout)
    fresh = page(counts)
    if command == "update":
        with open(path, "w") as file:
            file.write(fresh)
        return
    with open(path) as file:
        found = list(differences(file.read(), fresh))
    if found:
        print(*found, sep="\n")
        print("If that is meant: cmake --build --preset release --target update_predictions")
        sys.exit(1)
    print(f"{path}: {len(counts['workloads'])} workloads as counted")


if __name__ == "__main__":
    main()
