#!/usr/bin/env python3
"""vggroove against PyTorch and ONNX Runtime, in one interleaved run, same weights, results checked.

    compare.py --program vggroove --network-bench network_bench --work DIR --out RESULT.json [--rounds 7]

Two races, each in fp32 and bf16, on all cores:
  network   log-mel examples [32, 96, 64] -> embeddings: examples/s
  files     44.1 kHz stereo MP3 files -> embeddings: seconds of audio per second
Every round runs every contestant once, one after the other; a ratio is taken within a round, so that
a machine whose speed drifts does not bend it, and its median over the rounds is reported. Peers stay
loaded and warm; our time in the files race includes starting the program and loading the model.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).parent
CORES = os.cpu_count()
# Contestants: name, precision, workers, threads each. Both ways of using the cores are tried.
NETWORK_PEERS = [
    ("onnxruntime-fp32", CORES, 1),
    ("onnxruntime-fp32", 1, CORES),
    ("torch-fp32", CORES, 1),
    ("torch-fp32", 1, CORES),
    ("torch-compiled-fp32", CORES, 1),
    ("torch-compiled-fp32", 1, CORES),
    ("torch-bf16", CORES, 1),
    ("torch-bf16", 1, CORES),
    ("torch-compiled-bf16", CORES, 1),
    ("torch-compiled-bf16", 1, CORES),
]
FILES_PEERS = [peer for peer in NETWORK_PEERS if peer[1] == CORES]
# Without these, page faults of freshly mapped memory slow PyTorch 2-5x on virtual machines.
TUNED_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


class Peer:
    def __init__(self, what, kind, workers, threads, weights, extra, save):
        self.name = f"{kind} {workers}x{threads}"
        self.precision = kind.rsplit("-", 1)[1]
        self.save = save
        command = [sys.executable, HERE / "serve.py", what, "--kind", kind, "--workers", workers, "--threads", threads]
        command += ["--weights", weights, "--save", save, *extra]
        environment = {**os.environ, **TUNED_MALLOC, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [str(c) for c in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(str(save) + ".log", "w"),
            text=True,
            env=environment,
        )

    def wait_until_ready(self):
        if self.process.stdout.readline().strip() != "ready":
            sys.exit(f"compare: {self.name} did not start; see {self.save}.log")

    def run(self, seconds):
        self.process.stdin.write(f"run {seconds}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout


def relative_l2(a, b):
    return float(np.linalg.norm(a.astype(float) - b) / np.linalg.norm(b.astype(float)))


def music(seconds, rate, seed):
    """Chords with overtones, a beat, some noise, in stereo: work for a decoder, nobody's property."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    out = np.zeros((len(t), 2))
    for bar in range(int(seconds / 2)):
        a, b = int(bar * 2 * rate), int((bar + 1) * 2 * rate)
        root = 110 * 2 ** (rng.integers(0, 12) / 12)
        for step in (0, 4, 7, 12):
            f, pan = root * 2 ** (step / 12), rng.uniform(0.2, 0.8)
            for overtone in range(1, 6):
                tone = np.sin(2 * np.pi * f * overtone * t[a:b]) / overtone**1.5
                out[a:b] += np.outer(tone * np.exp(-(t[a:b] - t[a]) * 1.5), [pan, 1 - pan])
        for beat in range(4):
            s = a + int(beat * 0.5 * rate)
            n = min(4000, len(t) - s)
            out[s : s + n] += (rng.standard_normal(n) * np.exp(-np.arange(n) / 600))[:, None]
    out += 0.01 * rng.standard_normal(out.shape)
    return (0.7 * out / np.abs(out).max()).astype(np.float32)


def make_files(folder, count, seconds):
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"music{i:02d}.mp3" for i in range(count)]
    for i, path in enumerate(files):
        if not path.exists():
            soundfile.write(path, music(seconds, 44100, i), 44100, format="MP3")
    return files


def race(ours, peers, rounds, seconds):
    """{name: [rate per round]}; ours: {name: function() -> rate}."""
    rates = {}
    for _ in range(rounds):
        for name, measure in ours.items():
            rates.setdefault(name, []).append(measure())
        for peer in peers:
            rates.setdefault(peer.name, []).append(peer.rate(seconds))
    return rates


def summary(rates, peers, precision):
    ours = rates[f"vggroove-{precision}"]
    names = [p.name for p in peers if p.precision == precision]
    best = max(names, key=lambda n: statistics.median(rates[n]))
    # Against the quickest peer of each round: no peer is penalised for another round's bad luck.
    ratios = [o / max(rates[n][i] for n in names) for i, o in enumerate(ours)]
    return {
        "vggroove": statistics.median(ours),
        "best_peer": best,
        "best_peer_rate": statistics.median(rates[best]),
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def check(peers, reference, limits):
    """Every contestant computed the same thing, or the race is void."""
    errors = {}
    for peer in peers:
        errors[peer.name] = relative_l2(np.load(peer.save)[: len(reference)], reference)
        if not errors[peer.name] <= limits[peer.precision]:
            sys.exit(f"compare: {peer.name} disagrees with vggroove fp32: relative L2 {errors[peer.name]:.2e}")
    return errors


def network_race(args, model, weights, mp3):
    x_path, y_path = args.work / "x.npy", args.work / "y.npy"
    run(args.program, "logmel", mp3, "--out", x_path)
    run(args.program, "embed", mp3, "--out", y_path, "--model", model)
    x, y = np.load(x_path)[:32], np.load(y_path)[:32]
    np.save(args.work / "x32.npy", np.ascontiguousarray(x))
    peers = [
        Peer(
            "network",
            kind,
            workers,
            threads,
            weights,
            ["--input", args.work / "x32.npy"],
            args.work / f"net-{kind}-{workers}.npy",
        )
        for kind, workers, threads in NETWORK_PEERS
    ]
    for peer in peers:
        peer.wait_until_ready()
        peer.rate = lambda seconds, p=peer: p.run(seconds)["examples_per_s"]
    errors = check(peers, y, {"fp32": 1e-4, "bf16": 5e-2})

    def ours(precision):
        out = run(
            args.network_bench,
            "--model",
            model,
            "--precision",
            precision,
            "--batch",
            32,
            "--threads",
            CORES,
            "--seconds",
            args.seconds,
            "--json",
        )
        return json.loads(out)["examples_per_s"]

    rates = race({f"vggroove-{p}": lambda p=p: ours(p) for p in ("fp32", "bf16")}, peers, args.rounds, args.seconds)
    for peer in peers:
        peer.close()
    return {
        "unit": "examples/s",
        "fp32": summary(rates, peers, "fp32"),
        "bf16": summary(rates, peers, "bf16"),
        "relative_l2_to_vggroove_fp32": errors,
        "rates": rates,
    }


def files_race(args, model, weights):
    files = make_files(args.work / "mp3", 8, 240)
    audio_s = 8 * 240.0
    (args.work / "files.txt").write_text("\n".join(map(str, files)))
    peers = [
        Peer(
            "files",
            kind,
            workers,
            threads,
            weights,
            ["--list", args.work / "files.txt"],
            args.work / f"files-{kind}.npy",
        )
        for kind, workers, threads in FILES_PEERS
    ]
    for peer in peers:
        peer.wait_until_ready()
        peer.rate = lambda seconds, p=peer: audio_s / p.run(seconds)["seconds"]

    def ours(precision):
        out = args.work / f"ours-{precision}"
        start = time.perf_counter()
        run(args.program, "embed", *files, "--out", out, "--model", model, "--precision", precision)
        return audio_s / (time.perf_counter() - start)

    rates = race({f"vggroove-{p}": lambda p=p: ours(p) for p in ("fp32", "bf16")}, peers, args.rounds, args.seconds)
    mine = np.load(next((args.work / "ours-fp32").rglob("music00*.npy")))
    # Looser than the network's: two versions of the MP3 decoder and of the resampler.
    errors = check(peers, mine, {"fp32": 5e-3, "bf16": 5e-2})
    for peer in peers:
        peer.close()
    return {
        "unit": "seconds of 44.1 kHz stereo MP3 per second",
        "fp32": summary(rates, peers, "fp32"),
        "bf16": summary(rates, peers, "bf16"),
        "relative_l2_to_vggroove_fp32": errors,
        "rates": rates,
    }


def machine(*packages):
    """The machine, and the versions of the packages that take part."""
    cpu = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith(("model name", "model\t"))]
    return {
        "cpu": " model ".join(reversed(cpu[:2])),
        "cores": CORES,
        "kernel": platform.release(),
        **{package: importlib.metadata.version(package) for package in packages},
        "python": platform.python_version(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--network-bench", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--race", choices=["network", "files", "both"], default="both")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    model, weights = args.work / "model.safetensors", args.work / "weights.npz"
    if not weights.exists():
        run(args.program, "weights", "init", "--seed", 7, "--out", model)
        run(args.program, "weights", "export", model, "--to", "npz", "--out", weights)
    # One race alone replaces its own part of a result of the same machine and versions only.
    result = json.loads(args.out.read_text()) if args.race != "both" and args.out.exists() else {}
    if result.get("machine") != (here := machine("torch", "onnxruntime")):
        result = {"machine": here}
    if args.race != "files":
        result["network"] = network_race(args, model, weights, make_files(args.work / "mp3", 8, 240)[0])
    if args.race != "network":
        result["files"] = files_race(args, model, weights)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    for name in ("network", "files"):
        for precision in ("fp32", "bf16"):
            if name in result:
                s = result[name][precision]
                print(
                    f"{name:8} {precision}: vggroove {s['vggroove']:.0f} {result[name]['unit']}, best peer {s['best_peer']}"
                    f" {s['best_peer_rate']:.0f}, ratio {s['ratio_median']:.2f} ({s['ratio_min']:.2f} .. {s['ratio_max']:.2f})"
                )


if __name__ == "__main__":
    main()
