#!/usr/bin/env python3
"""Makes golden.npz: short signals (int16) and their log-mel in NumPy float64.

    make_golden.py golden.npz

The definition is written out again here, from the published description of VGGish's front end, so
that it shares nothing with the C++ code. Made with Python 3.11, NumPy 2.4.
"""

import sys

import numpy as np

RATE_HZ = 16000
FRAMES = 40
SAMPLES = (FRAMES - 1) * 160 + 400


def log_mel(samples):
    """[num_samples] in [-1, 1) -> [frames, 64]: 25 ms periodic Hann windows every 10 ms."""
    frames = np.stack([samples[i : i + 400] for i in range(0, len(samples) - 399, 160)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi / 400 * np.arange(400))
    magnitudes = np.abs(np.fft.rfft(frames * window, 512))
    to_mel = lambda hz: 1127.0 * np.log(1.0 + hz / 700.0)
    bins = to_mel(np.linspace(0.0, RATE_HZ / 2, 257))
    edges = np.linspace(to_mel(125.0), to_mel(7500.0), 66)
    matrix = np.empty((257, 64))
    for band in range(64):
        low, centre, high = edges[band : band + 3]
        triangle = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
        matrix[:, band] = np.maximum(0.0, triangle)
    matrix[0, :] = 0.0
    return np.log(magnitudes @ matrix + 0.01)


def music(time_s, random):
    """Two chords of decaying harmonics, a bass and a noise burst four times a second."""
    signal = np.zeros_like(time_s)
    for start_s, roots_hz in ((0.0, (220.0, 277.2, 329.6)), (0.2, (196.0, 246.9, 293.7))):
        after_s = np.maximum(0.0, time_s - start_s)
        for root_hz in roots_hz:
            for harmonic in range(1, 9):
                tone = np.sin(2 * np.pi * harmonic * root_hz * after_s) / harmonic
                signal += (time_s >= start_s) * tone * np.exp(-3.0 * harmonic * after_s)
    signal += np.sin(2 * np.pi * 55.0 * time_s)
    signal += random.normal(size=len(time_s)) * np.exp(-40.0 * (time_s % 0.25))
    return 0.9 * signal / np.max(np.abs(signal))


def main():
    random = np.random.default_rng(20)
    time_s = np.arange(SAMPLES) / RATE_HZ
    sweep_hz_per_s = (7900.0 - 50.0) / time_s[-1]
    signals = {
        "noise": random.uniform(-1.0, 1.0, SAMPLES),
        "chirp": np.sin(2 * np.pi * (50.0 * time_s + sweep_hz_per_s / 2 * time_s**2)),
        "silence": np.zeros(SAMPLES),
        "clipping": np.clip(30 * np.sin(2 * np.pi * 233.0 * time_s), -1.0, 1.0),
        "music": music(time_s, random),
    }
    arrays = {}
    for name, signal in signals.items():
        pcm = np.clip(np.round(32768 * signal), -32768, 32767).astype(np.int16)
        arrays[name + "_pcm"] = pcm
        arrays[name + "_logmel"] = log_mel(pcm / 32768.0)
    np.savez_compressed(sys.argv[1], **arrays)


if __name__ == "__main__":
    main()
