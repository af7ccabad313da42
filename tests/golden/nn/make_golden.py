#!/usr/bin/env python3
"""Makes nn.json: layers and the loss in PyTorch (float64), with their gradients.

Run with PyTorch 2.15 (the version is written into the file); no arguments.
The layers' inputs are small integers given by formulas (below, and in the tests), so that fp32 and
bf16 compute the same numbers without an error, and equal values in a pooling window are frequent.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(11)


def flat(tensor):
    return tensor.detach().reshape(-1).tolist()


def integers(tensor):
    values = tensor.detach().reshape(-1)
    assert torch.equal(values, values.round())
    return values.long().tolist()


def formula(count, square, linear, modulus):
    i = torch.arange(count, dtype=torch.int64)
    return ((square * i * i + linear * i) % modulus - modulus // 2).double()


def conv1_pool_case(n=2):
    x = formula(n * 96 * 64, 31, 7, 7).view(n, 1, 96, 64)
    weight = formula(9 * 64, 3, 5, 7).view(3, 3, 1, 64).requires_grad_()  # HWIO
    bias = formula(64, 1, 2, 5).requires_grad_()
    grad_y = formula(n * 48 * 32 * 64, 17, 5, 9).view(n, 48, 32, 64)
    y = F.max_pool2d(F.relu(F.conv2d(x, weight.permute(3, 2, 0, 1), bias, padding=1)), 2)
    y = y.permute(0, 2, 3, 1)
    grads = torch.autograd.grad((y * grad_y).sum(), (weight, bias))
    return {"examples": n, "y_sums_over_channels": integers(y.sum(3)), "y_sums_over_pixels":
            integers(y.sum((1, 2))), "grad_weight": integers(grads[0]), "grad_bias": integers(grads[1])}


def maxpool2x2_case(n, h, w, c):
    x = formula(n * h * w * c, 13, 3, 7).view(n, h, w, c).requires_grad_()
    bias = formula(c, 1, 1, 3).requires_grad_()
    grad_y = formula(n * h * w * c // 4, 7, 5, 9).view(n, h // 2, w // 2, c)
    y = F.max_pool2d(F.relu(x + bias).permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    grads = torch.autograd.grad((y * grad_y).sum(), (x, bias))
    return {"shape": [n, h, w, c], "y": integers(y), "grad_x": integers(grads[0]),
            "grad_bias": integers(grads[1])}


def softmax_xent_case(rows, classes, smoothing, weighted=False, ignored=()):
    logits = ((torch.randn(rows, classes, dtype=torch.float64) * 3 * 64).round() / 64)
    logits.requires_grad_()
    labels = torch.randint(0, classes, (rows,))
    labels[list(ignored)] = -100
    weights = (torch.rand(classes, dtype=torch.float64) * 64 + 1).round() / 32 if weighted else None
    arguments = dict(weight=weights, label_smoothing=smoothing)
    loss = F.cross_entropy(logits, labels, **arguments)
    row_loss = F.cross_entropy(logits, labels, reduction="none", **arguments)
    (gradient,) = torch.autograd.grad(loss, logits)
    return {"rows": rows, "classes": classes, "smoothing": smoothing, "logits": flat(logits),
            "labels": labels.tolist(), "weights": flat(weights) if weighted else [],
            "loss": loss.item(), "row_loss": flat(row_loss), "grad_logits": flat(gradient)}


golden = {
    "versions": {"torch": torch.__version__.split("+")[0]},
    "conv1_pool": conv1_pool_case(),
    "maxpool2x2": maxpool2x2_case(2, 4, 6, 8),
    "softmax_xent": [softmax_xent_case(9, 10, 0.0),
                     softmax_xent_case(1, 2, 0.25),
                     softmax_xent_case(7, 3, 0.1, weighted=True),
                     softmax_xent_case(6, 33, 0.1, weighted=True, ignored=(0, 4)),
                     softmax_xent_case(3, 1, 0.0)],
}
path = pathlib.Path(__file__).with_name("nn.json")
path.write_text(json.dumps(golden) + "\n")
print(path.stat().st_size, "bytes")
