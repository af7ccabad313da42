#!/usr/bin/env python3
"""Reads what `vggroove weights init` and `export` write with the real packages, and compares.

    vggroove weights init --seed 1 --out m.safetensors
    for f in safetensors npz torch; do vggroove weights export m.safetensors --to $f --out e.$f; done
    python verify_export.py m.safetensors e.safetensors e.npz e.torch data.pkl

Checks every value of the network (72 141 184): the exports against the model, the model against the
definition of its random numbers (weights/he_init.h), and that torchvggish's module loads the state
dict strictly. Writes the pickle inside e.torch, once PyTorch has taken it, as the golden data.pkl.
Passed with NumPy 2.4.6, PyTorch 2.15.0, safetensors 0.8.0: no value of 72 141 184 differs.
"""

import sys
import zipfile

import numpy as np
import safetensors.numpy
import torch
from make_golden import SHAPES, he_normal

LAYERS = ["conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1", "conv4/conv4_2",
          "fc1/fc1_1", "fc1/fc1_2", "fc2"]  # fmt: skip
TORCH_LAYERS = ["features.0", "features.3", "features.6", "features.8", "features.11", "features.13",
                "embeddings.0", "embeddings.2", "embeddings.4"]  # fmt: skip


class TorchVggish(torch.nn.Module):
    """The module of torchvggish, as far as names and shapes go."""

    def __init__(self):
        super().__init__()
        layers, channels = [], 1
        for width in [64, "M", 128, "M", 256, 256, "M", 512, 512, "M"]:
            if width == "M":
                layers.append(torch.nn.MaxPool2d(2, 2))
            else:
                layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
                channels = width
        self.features = torch.nn.Sequential(*layers)
        self.embeddings = torch.nn.Sequential(
            torch.nn.Linear(512 * 4 * 6, 4096), torch.nn.ReLU(), torch.nn.Linear(4096, 4096),
            torch.nn.ReLU(), torch.nn.Linear(4096, 128), torch.nn.ReLU())  # fmt: skip


def main(model_path, safetensors_path, npz_path, torch_path, pickle_path):
    model = safetensors.numpy.load_file(model_path)
    exported = safetensors.numpy.load_file(safetensors_path)
    arrays = np.load(npz_path)
    state = torch.load(torch_path, weights_only=True)
    mapped = torch.load(torch_path, weights_only=True, mmap=True)
    print(TorchVggish().load_state_dict(state, strict=True))
    assert set(model) == set(exported) == set(arrays.files) and len(model) == len(state) == 18
    num_different = 0
    for i, (layer, torch_layer, shape) in enumerate(zip(LAYERS, TORCH_LAYERS, SHAPES)):
        for kind in ("weights", "biases"):
            value, name = model[f"vggish/{layer}/{kind}"], f"vggish/{layer}/{kind}"
            assert np.array_equal(value, exported[name]) and np.array_equal(value, arrays[name])
            expected = torch.from_numpy(value)
            if kind == "weights":
                expected = expected.permute(3, 2, 0, 1) if value.ndim == 4 else expected.T
            torch_name = f"{torch_layer}.{'weight' if kind == 'weights' else 'bias'}"
            assert torch.equal(expected, state[torch_name])
            assert torch.equal(expected, mapped[torch_name])
            assert state[torch_name].is_contiguous() and not state[torch_name].requires_grad
        weights = model[f"vggish/{layer}/weights"]
        assert weights.shape == shape and not model[f"vggish/{layer}/biases"].any()
        pairs = np.arange(weights.size // 2, dtype="u8")
        defined = he_normal(1, 2 * i, weights.size // shape[-1], pairs)
        num_different += int((defined != weights.ravel()).sum())
    print(f"{num_different} of the random numbers differ from the definition")
    assert num_different == 0
    with zipfile.ZipFile(torch_path) as file:
        assert file.testzip() is None
        with open(pickle_path, "wb") as golden:
            golden.write(file.read("archive/data.pkl"))


if __name__ == "__main__":
    main(*sys.argv[1:])
