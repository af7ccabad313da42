#!/usr/bin/env python3
"""Makes optim.json: steps of torch.optim.AdamW and SGD with clip_grad_norm_, in float64.

Run with PyTorch 2.15 (the version is written into the file); no arguments.
Three tensors, each with its own learning rate and weight decay; the learning rate follows a
schedule; gradients are clipped to a norm that some steps exceed. Numbers are multiples of 1/64.
"""

import json
import pathlib

import torch

torch.manual_seed(13)
SIZES = [5, 8, 3]
SCALES = [1.0, 0.5, 0.25]
DECAYS = [0.25, 0.0, 0.125]
RATES = [0.01, 0.02, 0.02, 0.005, 0.001]
MAX_NORM = 4.0


def exact(size):
    return (torch.randn(size, dtype=torch.float64) * 64).round() / 64


def flat(tensors):
    return [value for tensor in tensors for value in tensor.detach().tolist()]


def steps_of(make_optimiser):
    parameters = [torch.nn.Parameter(exact(size)) for size in SIZES]
    optimiser = make_optimiser(
        [{"params": [p], "weight_decay": d} for p, d in zip(parameters, DECAYS)])
    start, steps = flat(parameters), []
    for rate in RATES:
        for group, scale in zip(optimiser.param_groups, SCALES):
            group["lr"] = rate * scale
        for parameter in parameters:
            parameter.grad = exact(parameter.numel())
        gradient = flat([p.grad for p in parameters])
        norm = torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
        optimiser.step()
        steps.append({"learning_rate": rate, "gradient": gradient, "norm": norm.item(),
                      "after": flat(parameters)})
    return {"start": start, "steps": steps}


golden = {
    "versions": {"torch": torch.__version__.split("+")[0]},
    "sizes": SIZES, "learning_rate_scales": SCALES, "weight_decays": DECAYS, "max_norm": MAX_NORM,
    "adamw": steps_of(lambda groups: torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)),
    "sgd": {"momentum": 0.875, **steps_of(lambda groups: torch.optim.SGD(groups, lr=1, momentum=0.875))},
}
path = pathlib.Path(__file__).with_name("optim.json")
path.write_text(json.dumps(golden) + "\n")
print(path.stat().st_size, "bytes")
norms = [step["norm"] for step in golden["adamw"]["steps"] + golden["sgd"]["steps"]]
assert min(norms) < MAX_NORM < max(norms), norms
print("norms", norms)
