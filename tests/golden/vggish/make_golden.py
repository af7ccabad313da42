#!/usr/bin/env python3
"""Makes golden.npz: embeddings of made-up examples by PyTorch in float64, seeded weights.

    make_golden.py golden.npz

The seeded weights are computed here from their published definition (weights/he_init.h) and the
network is written from spec: log-mel [96, 64] -> 128 values, no activation at the end. It shares
nothing with the C++ code. Made with Python 3.11, PyTorch 2.15 (CPU), NumPy 2.4; 40 s, 4 GB.

Arrays: seed; embeddings [3, 128] float64 of examples e = 0, 1, 2 with
    logmel[e, i] = ((31 i^2 + 7919 i + 104729 e) mod 8192) / 1024 - 5,   i = 64 frame + band,
whose values fp32 holds exactly.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

SEED = 7
EXAMPLES = 3
GAMMA = np.uint64(0x9E3779B97F4A7C15)
CONVOLUTIONS = [(1, 64, True), (64, 128, True), (128, 256, False), (256, 256, True), (256, 512, False), (512, 512, True)]
DENSE = [(12288, 4096, True), (4096, 4096, True), (4096, 128, False)]


def mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def he_normal(tensor, shape):
    """Weights of tensor number `tensor`, rounded to fp32 as a model file holds them."""
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        start = mix(np.uint64(SEED) + GAMMA * np.uint64(1 + tensor))
        pair = np.arange((count + 1) // 2, dtype=np.uint64)
        a = mix(start + GAMMA * (np.uint64(2) * pair + np.uint64(1)))
        b = mix(start + GAMMA * (np.uint64(2) * pair + np.uint64(2)))
    radius = np.sqrt(-2 * np.log(((a >> np.uint64(11)) + np.uint64(1)).astype(np.float64) / 2.0**53))
    angle = 2 * np.pi * ((b >> np.uint64(11)).astype(np.float64) / 2.0**53)
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]
    fan_in = count // shape[-1]
    return (np.sqrt(2 / fan_in) * normal).astype(np.float32).astype(np.float64).reshape(shape)


def main():
    i = np.arange(96 * 64, dtype=np.int64)
    e = np.arange(EXAMPLES, dtype=np.int64)[:, None]
    logmel = ((31 * i * i + 7919 * i + 104729 * e) % 8192) / 1024 - 5
    x = torch.from_numpy(logmel.reshape(EXAMPLES, 1, 96, 64))
    tensor = 0  # weights and biases alternate; the biases are zero
    for in_channels, out_channels, pool in CONVOLUTIONS:
        hwio = he_normal(tensor, (3, 3, in_channels, out_channels))
        x = F.relu(F.conv2d(x, torch.from_numpy(hwio).permute(3, 2, 0, 1), padding=1))
        x = F.max_pool2d(x, 2) if pool else x
        tensor += 2
    x = x.permute(0, 2, 3, 1).reshape(EXAMPLES, -1)  # height, width, channel
    for inputs, outputs, relu in DENSE:
        x = x @ torch.from_numpy(he_normal(tensor, (inputs, outputs)))
        x = F.relu(x) if relu else x
        tensor += 2
    np.savez(sys.argv[1], seed=np.int64(SEED), embeddings=x.numpy())
    print("norms of the embeddings", np.linalg.norm(x.numpy(), axis=1))


if __name__ == "__main__":
    main()
