#!/usr/bin/env python3
"""Fine-tuning steps of vggroove against PyTorch, in one interleaved run, same weights, losses compared.

    train_race.py --program vggroove --training-bench training_bench --work DIR --out RESULT.json

A step is forward, cross-entropy, backward and AdamW over all of VGGish and a dense layer of ten
classes, batch 32, on all cores; bf16 is PyTorch's autocast against our bf16 products, with fp32 weights
on both sides. Contestants take turns; a ratio is taken within a round. Everyone's first three losses must
agree, or the race is void.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).parent
CLASSES, BATCH, LEARNING_RATE, WEIGHT_DECAY = 10, 32, 1e-5, 0.01
PEERS = ["torch-fp32", "torch-compiled-fp32", "torch-bf16", "torch-compiled-bf16"]
PRECISIONS = ["fp32", "bf16"]


def serve(kind, weights, threads):
    """One peer: prints its first losses, then the rate of every "run SECONDS" line."""
    import torch
    import torch.nn.functional as F

    from vggish_peer import torch_model

    torch.set_num_threads(threads)
    model = torch_model(np.load(weights)).train().to(memory_format=torch.channels_last)
    head = torch.nn.Linear(128, CLASSES)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    whole = torch.nn.Sequential(model, head)
    decayed = [p for p in whole.parameters() if p.dim() > 1]
    others = [p for p in whole.parameters() if p.dim() == 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, fused=True)
    i = np.arange(BATCH * 96 * 64, dtype=np.int64)
    x = (((31 * i * i + 7919 * i) % 8191).astype(np.float32) / 1024 - 5).reshape(BATCH, 1, 96, 64)
    x = torch.from_numpy(x).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % CLASSES
    run = torch.compile(whole) if "compiled" in kind else whole

    def step():
        optimiser.zero_grad(set_to_none=False)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled="bf16" in kind):
            loss = F.cross_entropy(run(x).float(), labels)
        loss.backward()
        optimiser.step()
        return loss.item()

    print(json.dumps([step() for _ in range(3)]), flush=True)
    for line in sys.stdin:
        seconds, steps, start = float(line.split()[1]), 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            step()
            steps += 1
        print(json.dumps(steps * BATCH / (time.perf_counter() - start)), flush=True)


class Peer:
    def __init__(self, kind, weights, threads, log):
        from compare import TUNED_MALLOC
        import os

        self.kind = kind
        command = [sys.executable, __file__, "--serve", kind, "--weights", weights, "--threads", threads]
        self.process = subprocess.Popen(
            [str(c) for c in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(log, "w"),
            text=True,
            env={**os.environ, **TUNED_MALLOC, "OMP_NUM_THREADS": str(threads)},
        )

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"train_race: {self.kind} ended; see its log in the work folder")
        return json.loads(line)

    def run(self, seconds):
        self.process.stdin.write(f"run {seconds}\n")
        self.process.stdin.flush()
        return self.read()


def race(args):
    from compare import CORES, machine, run

    args.work.mkdir(parents=True, exist_ok=True)
    model, weights = args.work / "model.safetensors", args.work / "weights.npz"
    if not weights.exists():
        run(args.program, "weights", "init", "--seed", 7, "--out", model)
        run(args.program, "weights", "export", model, "--to", "npz", "--out", weights)

    def ours(precision):
        command = [args.training_bench, "--model", model, "--batch", BATCH, "--threads", CORES, "--json"]
        return json.loads(run(*command, "--precision", precision, "--seconds", args.seconds))

    has_bf16 = "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text()
    own = {f"vggroove-{precision}": precision for precision in PRECISIONS if precision == "fp32" or has_bf16}
    first = {name: ours(precision) for name, precision in own.items()}
    peers, losses = [], {name: result["losses"] for name, result in first.items()}
    for kind in PEERS:
        peer = Peer(kind, weights, CORES, args.work / f"train-{kind}.log")
        peers.append(peer)
        losses[kind] = peer.read()
    for name, values in losses.items():
        tolerance = 5e-2 if "bf16" in name else 1e-3
        if not np.allclose(values, losses["vggroove-fp32"], rtol=tolerance, atol=0):
            sys.exit(f"train_race: {name} disagrees: losses {values} against {losses['vggroove-fp32']}")
    rates = {name: [] for name in [*own, *PEERS]}
    for _ in range(args.rounds):
        for name, precision in own.items():
            rates[name].append(ours(precision)["examples_per_s"])
        for peer in peers:
            rates[peer.kind].append(peer.run(args.seconds))
    for peer in peers:
        peer.process.kill()
        peer.process.wait()
    result = {"machine": machine("torch"), "unit": "examples/s", "batch": BATCH, "losses": losses, "rates": rates}
    result["peak_rss_mb"] = {name: values["peak_rss_mb"] for name, values in first.items()}
    for name, own_precision in own.items():
        for precision in PRECISIONS:
            names = [peer for peer in PEERS if peer.endswith(precision)]
            ratios = [o / max(rates[n][i] for n in names) for i, o in enumerate(rates[name])]
            best = max(names, key=lambda n: statistics.median(rates[n]))
            result[f"vggroove_{own_precision}_to_best_{precision}"] = {
                "best_peer": best,
                "best_peer_rate": statistics.median(rates[best]),
                "ratio_median": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
            }
            print(
                f"training: {name} {statistics.median(rates[name]):.1f} examples/s, {best}"
                f" {statistics.median(rates[best]):.1f}, ratio {statistics.median(ratios):.2f}"
                f" ({min(ratios):.2f} .. {max(ratios):.2f})"
            )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--program", type=pathlib.Path)
    parser.add_argument("--training-bench", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.weights, args.threads)
    else:
        race(args)


if __name__ == "__main__":
    main()
