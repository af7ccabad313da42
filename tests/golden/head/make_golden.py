#!/usr/bin/env python3
"""Makes head.json: a small head in PyTorch (float64): logits, loss, gradients, AdamW steps.

Run with PyTorch 2.15 (the version is written into the file); no arguments.
Inputs are multiples of 1/64, so that fp32 and fp64 start from the same numbers.
"""

import json
import pathlib

import torch

torch.manual_seed(7)


def exact(*shape):
    return (torch.randn(*shape, dtype=torch.float64) * 64).round() / 64


def flat(tensor):
    return tensor.detach().reshape(-1).tolist()


def head_case(name, n, d, h, k, smoothing, dropout):
    x = exact(n, d)
    labels = torch.randint(0, k, (n,))
    sizes = ([(d, h), (h,)] if h else []) + [(h or d, k), (k,)]
    parameters = [exact(*size).requires_grad_() for size in sizes]
    keep = (torch.rand(n, h or 1) >= dropout).double() / (1 - dropout)
    features = x
    if h:
        features = torch.relu(x @ parameters[0] + parameters[1]) * keep
    logits = features @ parameters[-2] + parameters[-1]
    loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    gradients = torch.autograd.grad(loss, parameters)
    return {"name": name, "n": n, "inputs": d, "hidden": h, "classes": k, "smoothing": smoothing,
            "x": flat(x), "labels": labels.tolist(), "keep": flat(keep) if h else [],
            "parameters": sum(map(flat, parameters), []), "logits": flat(logits),
            "probabilities": flat(logits.softmax(-1)), "loss": loss.item(),
            "gradient": sum(map(flat, gradients), [])}


def adam_case(num_steps, size, learning_rate, weight_decay):
    """The first half of the parameters decays, the second does not."""
    start = exact(size)
    parts = [torch.nn.Parameter(start[:size // 2].clone()),
             torch.nn.Parameter(start[size // 2:].clone())]
    optimiser = torch.optim.AdamW([{"params": parts[:1], "weight_decay": weight_decay},
                                   {"params": parts[1:], "weight_decay": 0.0}], lr=learning_rate)
    gradients, after = [], []
    for _ in range(num_steps):
        gradient = exact(size)
        parts[0].grad, parts[1].grad = gradient[:size // 2], gradient[size // 2:]
        optimiser.step()
        gradients.append(flat(gradient))
        after.append(flat(parts[0]) + flat(parts[1]))
    return {"learning_rate": learning_rate, "weight_decay": weight_decay, "start": flat(start),
            "gradients": gradients, "after": after}


golden = {
    "versions": {"torch": torch.__version__.split("+")[0]},
    "heads": [head_case("one hidden layer", 11, 5, 7, 3, 0.0, 0.0),
              head_case("dropout and smoothing", 9, 6, 19, 4, 0.1, 0.5),
              head_case("no hidden layer", 6, 5, 0, 3, 0.05, 0.0),
              head_case("one row, two classes", 1, 3, 2, 2, 0.0, 0.0)],
    "adam": adam_case(5, 8, 0.01, 0.3),
}
path = pathlib.Path(__file__).with_name("head.json")
path.write_text(json.dumps(golden) + "\n")
print(path.stat().st_size, "bytes")
