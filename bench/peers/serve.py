"""One contestant, kept loaded: answers "run" lines on its standard input with one JSON line each.

    serve.py network --kind onnxruntime-fp32 --workers 1 --threads 2 --weights W.npz --input X.npy
        "run SECONDS" -> {"examples": N, "seconds": S}; batches of X.npy, by every worker
    serve.py files   --kind torch-fp32 --workers 2 --threads 1 --weights W.npz --list FILES.txt
        "run SECONDS" -> {"audio_seconds": A, "seconds": S}; every file once (SECONDS is ignored)

Start-up, compilation and warm-up happen before the first answer ("ready") and are not counted.
"""

import argparse
import json
import multiprocessing as mp
import os
import sys
import time

import numpy as np

from vggish_peer import make_runner

BATCH = 32


def network_worker(args, conn):
    run = make_runner(args.kind, np.load(args.weights), args.threads)
    x = np.load(args.input)
    y = run(x)
    run(x)
    conn.send(y)
    while True:
        seconds = conn.recv()
        if seconds is None:
            return
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            run(x)
            count += len(x)
        conn.send({"examples": count, "seconds": time.perf_counter() - start})


class LogMel:
    """The front end on torch's FFT (MKL), many frames at a time, fp32."""

    def __init__(self):
        import torch

        self.torch = torch
        n = np.arange(400)
        self.window = torch.from_numpy((0.5 - 0.5 * np.cos(2 * np.pi * n / 400)).astype(np.float32))
        mel = lambda hz: 1127.0 * np.log(1 + np.asarray(hz, float) / 700.0)
        edges = np.linspace(mel(125.0), mel(7500.0), 66)
        bins = mel(np.linspace(0.0, 8000.0, 257))[:, None]
        rising = (bins - edges[None, :64]) / (edges[1:65] - edges[:64])
        falling = (edges[None, 2:66] - bins) / (edges[2:66] - edges[1:65])
        matrix = np.maximum(0.0, np.minimum(rising, falling))
        matrix[0] = 0
        self.matrix = torch.from_numpy(matrix.astype(np.float32))

    def __call__(self, samples):  # [n] float32 -> [examples, 96, 64]
        frames = self.torch.from_numpy(samples).unfold(0, 400, 160)
        frames = frames[: len(frames) // 96 * 96]
        spectrum = self.torch.fft.rfft(frames * self.window, n=512)
        return self.torch.log(spectrum.abs() @ self.matrix + 0.01).view(-1, 96, 64).numpy()


def examples_of(path, logmel):
    """Finished examples of a file, in pieces of about 30 s: decode, mean, soxr HQ, log-mel."""
    import soundfile
    import soxr

    with soundfile.SoundFile(path) as file:
        stream = soxr.ResampleStream(file.samplerate, 16000, 1, dtype="float32", quality="HQ")
        kept = np.zeros(0, np.float32)
        while True:
            block = file.read(30 * file.samplerate, dtype="float32", always_2d=True)
            last = len(block) == 0
            mono = block.mean(axis=1) if block.shape[1] != 2 else (block[:, 0] + block[:, 1]) * np.float32(0.5)
            kept = np.concatenate([kept, stream.resample_chunk(mono, last=last)])
            if len(kept) >= 15600:
                examples = logmel(kept)
                kept = kept[len(examples) * 15360 :]
                yield examples
            if last:
                return


def files_worker(args, share, conn):
    import torch

    torch.set_num_threads(args.threads)
    run = make_runner(args.kind, np.load(args.weights), args.threads)
    logmel = LogMel()
    run(np.zeros((BATCH, 96, 64), np.float32))
    run(np.zeros((BATCH, 96, 64), np.float32))
    conn.send("ready")
    while True:
        if conn.recv() is None:
            return
        pending, embeddings = np.zeros((0, 96, 64), np.float32), []
        for path in share:
            for examples in examples_of(path, logmel):
                pending = np.concatenate([pending, examples])
                while len(pending) >= BATCH:
                    embeddings.append(run(np.ascontiguousarray(pending[:BATCH])))
                    pending = pending[BATCH:]
        if len(pending):
            # Padded to the batch: a new shape would be compiled or re-planned.
            padded = np.zeros((BATCH, 96, 64), np.float32)
            padded[: len(pending)] = pending
            embeddings.append(run(padded)[: len(pending)])
        conn.send(np.concatenate(embeddings))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["network", "files"])
    parser.add_argument("--kind", required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--input")
    parser.add_argument("--list")
    parser.add_argument("--save", help="write the embeddings of the last run here (.npy)")
    args = parser.parse_args()

    out = os.fdopen(os.dup(1), "w")  # compilers print to standard output
    os.dup2(2, 1)
    context = mp.get_context("spawn")
    files = open(args.list).read().split("\n") if args.list else []
    files = [f for f in files if f]
    workers = []
    for i in range(args.workers):
        ours, theirs = context.Pipe()
        if args.what == "network":
            target, arguments = network_worker, (args, theirs)
        else:
            target, arguments = files_worker, (args, files[i :: args.workers], theirs)
        process = context.Process(target=target, args=arguments, daemon=True)
        process.start()
        workers.append(ours)
    first = [conn.recv() for conn in workers]
    if args.what == "network" and args.save:
        np.save(args.save, first[0])
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        seconds = float(line.split()[1])
        start = time.perf_counter()
        for conn in workers:
            conn.send(seconds)
        results = [conn.recv() for conn in workers]
        elapsed = time.perf_counter() - start
        if args.what == "network":
            rate = sum(r["examples"] / r["seconds"] for r in results)
            print(json.dumps({"examples_per_s": rate}), file=out, flush=True)
        else:
            if args.save:
                np.save(args.save, results[0])
            examples = sum(len(r) for r in results)
            print(json.dumps({"seconds": elapsed, "examples": examples}), file=out, flush=True)


if __name__ == "__main__":
    main()
