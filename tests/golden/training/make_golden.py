#!/usr/bin/env python3
"""Makes golden.json: gradients, optimiser steps, losses and schedules by PyTorch in float64.

    make_golden.py golden.json

The networks are written from their definition and share nothing with the C++ code: log-mel -> body
-> (embedding - mean) * scale -> [dense + ReLU] -> dense -> cross-entropy. Made with Python 3.11,
PyTorch 2.15 (CPU), NumPy 2.4; 30 s, 4 GB.

"small": a network with two kinds of convolution and three of dense layers. "vggish": all of VGGish
with the seeded weights of tests/golden/vggish. Other values are, with u = (31 i^2 + 7919 i + 104729 s)
mod 8192, exact in fp32:
    input     u / 1024 - 5            i over the whole batch, s = 0 (small) or as tests/golden/vggish
    weights   (u / 8192 - 0.5) * a    tensor number s, a = 2^floor(log2(sqrt(24 / fan_in)))
    biases    (u / 8192 - 0.5) / 8    tensor number s
    mean      u / 8192 - 0.5, scale u / 8192 + 0.5          s = 100, 101
    target    one-hot at class (row mod classes), smoothed by 0.1, divided by the batch
A gradient is stored as its norm, 64 entries at i = (2654435761 j) mod count, and 4 projections on
vectors of signs: + where bit (16 + p) of (i * 2654435761 mod 2^32) is set.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "vggish"))
import make_golden as vggish  # the sibling's he_normal, CONVOLUTIONS and DENSE

torch.set_default_dtype(torch.float64)
SMOOTHING = 0.1


def u(count, s):
    i = np.arange(count, dtype=np.int64)
    return ((31 * i * i + 7919 * i + 104729 * s) % 8192).astype(np.float64)


def weights(shape, s):
    count = int(np.prod(shape))
    fan_in = count // shape[-1]
    a = 2.0 ** math.floor(math.log2(math.sqrt(24 / fan_in)))
    return ((u(count, s) / 8192 - 0.5) * a).reshape(shape)


def biases(n, s):
    return (u(n, s) / 8192 - 0.5) / 8


def summary(gradient):
    g = gradient.reshape(-1)
    i = np.arange(len(g), dtype=np.uint64)
    hashed = (i * np.uint64(2654435761)) % np.uint64(2**32)
    projections = []
    for p in range(4):
        signs = ((hashed >> np.uint64(16 + p)) & np.uint64(1)).astype(np.float64) * 2 - 1
        projections.append(float(signs @ g))
    at = [(2654435761 * j) % len(g) for j in range(64)]
    return {"norm": float(np.linalg.norm(g)), "entries": g[at].tolist(), "projections": projections}


def gradients(x, layers, tensors, mean, scale, classes):
    """layers: ("conv", pool), ("dense", relu) or ("standardise",); tensors: [(weights, biases)]."""
    parameters = [torch.tensor(t, requires_grad=True) for pair in tensors for t in pair]
    n, at = len(x), 0
    values = torch.tensor(x).unsqueeze(1)
    for kind, *flag in layers:
        if kind == "standardise":
            values = (values - torch.tensor(mean)) * torch.tensor(scale)
            continue
        w, b = parameters[at], parameters[at + 1]
        at += 2
        if kind == "conv":
            values = F.relu(F.conv2d(values, w.permute(3, 2, 0, 1), b, padding=1))
            values = F.max_pool2d(values, 2) if flag[0] else values
        else:
            if values.dim() == 4:
                values = values.permute(0, 2, 3, 1).reshape(n, -1)
            values = values @ w + b
            values = F.relu(values) if flag[0] else values
    labels = torch.arange(n) % classes
    loss = F.cross_entropy(values, labels, label_smoothing=SMOOTHING)
    loss.backward()
    return {
        "loss": loss.item(),
        "logits": values.detach().numpy().reshape(-1).tolist(),
        "gradients": [summary(p.grad.numpy()) for p in parameters],
    }


def small():
    n, classes = 3, 3
    x = (u(n * 8 * 8, 0) / 1024 - 5).reshape(n, 8, 8)
    shapes = [(3, 3, 1, 64), (3, 3, 64, 64), (3, 3, 64, 64), (256, 64), (64, 32), (32, 20), (20, classes)]
    layers = [("conv", True), ("conv", False), ("conv", True), ("dense", True), ("dense", False)]
    layers += [("standardise",), ("dense", True), ("dense", False)]
    tensors = [(weights(s, 2 * i), biases(s[-1], 2 * i + 1)) for i, s in enumerate(shapes)]
    return gradients(x, layers, tensors, u(32, 100) / 8192 - 0.5, u(32, 101) / 8192 + 0.5, classes)


def whole():
    n, classes = 2, 4
    i = np.arange(96 * 64, dtype=np.int64)
    e = np.arange(n, dtype=np.int64)[:, None]
    x = (((31 * i * i + 7919 * i + 104729 * e) % 8192) / 1024 - 5).reshape(n, 96, 64)
    tensors, layers = [], []
    for k, (inputs, outputs, pool) in enumerate(vggish.CONVOLUTIONS):
        tensors.append((vggish.he_normal(2 * k, (3, 3, inputs, outputs)), np.zeros(outputs)))
        layers.append(("conv", pool))
    for k, (inputs, outputs, relu) in enumerate(vggish.DENSE):
        tensors.append((vggish.he_normal(12 + 2 * k, (inputs, outputs)), np.zeros(outputs)))
        layers.append(("dense", relu))
    layers += [("standardise",), ("dense", True), ("dense", False)]
    for k, shape in enumerate([(128, 32), (32, classes)]):
        tensors.append((weights(shape, 18 + 2 * k), biases(shape[-1], 19 + 2 * k)))
    return gradients(x, layers, tensors, u(128, 100) / 8192 - 0.5, u(128, 101) / 8192 + 0.5, classes)


def optimiser(make, clip):
    count, steps = 37, 5
    p = torch.nn.Parameter(torch.tensor(u(count, 0) / 2048 - 2))
    optimiser_ = make([p])
    after, norms = [], []
    for step in range(steps):
        p.grad = torch.tensor(u(count, step + 1) / 2048 - 2)
        norms.append(float(torch.nn.utils.clip_grad_norm_([p], clip)) if clip else 0.0)
        optimiser_.step()
        after.append(p.detach().numpy().tolist())
    return {"count": count, "after": after, "norms": norms, "clip": clip or 0.0}


def schedule(make, steps):
    p = torch.nn.Parameter(torch.zeros(1))
    o = torch.optim.SGD([p], lr=0.5)
    s = make(o)
    rates = []
    for _ in range(steps):
        rates.append(o.param_groups[0]["lr"])
        o.step()
        s.step()
    return rates


def schedules():
    from torch.optim import lr_scheduler as lr

    def with_warm_up(after):
        def make(o):
            # The first step already moves: (step + 1) / 4 of the rate.
            first = lr.LambdaLR(o, lambda step: (step + 1) / 4)
            return lr.SequentialLR(o, [first, after(o)], milestones=[4])

        return make

    return {
        "base": 0.5,
        "steps": 20,
        "warm_up": 4,
        "cosine": schedule(with_warm_up(lambda o: lr.CosineAnnealingLR(o, 16)), 20),
        "constant": schedule(with_warm_up(lambda o: lr.ConstantLR(o, 1.0)), 20),
        "step": schedule(with_warm_up(lambda o: lr.StepLR(o, 5, 0.1)), 20),
        "cosine_without_warm_up": schedule(lambda o: lr.CosineAnnealingLR(o, 20), 20),
    }


def losses():
    n, k = 5, 4
    class_weights = torch.tensor([0.5, 1.0, 2.0, 1.5])
    labels = torch.tensor([0, 1, 2, 3, 2])
    logits = torch.tensor((u(n * k, 7) / 1024 - 4).reshape(n, k), requires_grad=True)
    loss = F.cross_entropy(logits, labels, weight=class_weights, label_smoothing=SMOOTHING)
    loss.backward()
    return {
        "labels": labels.tolist(),
        "class_weights": class_weights.tolist(),
        "smoothing": SMOOTHING,
        "logits": logits.detach().numpy().reshape(-1).tolist(),
        "loss": loss.item(),
        "gradient": logits.grad.numpy().reshape(-1).tolist(),
    }


def main():
    golden = {
        "small": small(),
        "vggish": whole(),
        "adamw": optimiser(lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1), None),
        "adamw_clipped": optimiser(lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1), 0.5),
        "sgd": optimiser(lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1), None),
        "schedules": schedules(),
        "cross_entropy": losses(),
    }
    with open(sys.argv[1], "w") as file:
        json.dump(golden, file, indent=None)
        file.write("\n")
    print("losses", golden["small"]["loss"], golden["vggish"]["loss"])


if __name__ == "__main__":
    main()
