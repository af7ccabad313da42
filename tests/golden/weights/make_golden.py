#!/usr/bin/env python3
"""Writes the golden files of tests/weights with the real packages.

    python make_golden.py            # into this folder

Made with NumPy 2.4.6, PyTorch 2.15.0, safetensors 0.8.0.
"""

import io
import json
import pathlib
import zipfile

import numpy as np
import safetensors
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).resolve().parent


def ramp(*shape):
    """0, 1/8, 2/8, ... minus 1: exact in every floating-point type of the tests."""
    count = int(np.prod(shape))
    return (np.arange(count) / 8 - 1).reshape(shape)


def safetensors_files():
    values = torch.tensor(ramp(3, 5))
    safetensors.torch.save_file(
        {
            "f32": values.float(),
            "f64": values.double(),
            "f16": values.half(),
            "bf16": values.bfloat16(),
            "i64": torch.arange(-2, 4),
            "u8": torch.arange(5, dtype=torch.uint8),
            "bool": torch.tensor([True, False, True]),
            "scalar": torch.tensor(2.5),
            "empty": torch.zeros(0, 4),
            "name with \u00fc and \u266b": torch.ones(2),
        },
        FOLDER / "dtypes.safetensors",
        metadata={"format": "pt", "note": "gr\u00fc\u00dfe"},
    )
    # A head as another program might rewrite it: half precision, other tensors beside it.
    head = {
        "head/mean": torch.tensor(ramp(4)).half(),
        "head/scale": torch.tensor(ramp(4)).bfloat16(),
        "head/hidden/weights": torch.tensor(ramp(4, 3)).double(),
        "head/hidden/biases": torch.tensor(ramp(3)).float(),
        "head/logits/weights": torch.tensor(ramp(3, 2)).float(),
        "head/logits/biases": torch.tensor(ramp(2)).float(),
        "step": torch.tensor(7),
    }
    metadata = {
        "version": 1,
        "architecture": "head",
        "origin": "",
        "labels": ["blues", "cl\u00e1sica"],
        "head": {"hidden": 3},
    }
    safetensors.torch.save_file(
        head, FOLDER / "head.safetensors", metadata={"vggroove": json.dumps(metadata)}
    )


def numpy_arrays():
    return {
        "f2": ramp(2, 3).astype("<f2"),
        "f4_fortran": np.asfortranarray(ramp(2, 3, 4).astype("<f4")),
        "f8_fortran": np.asfortranarray(ramp(3, 5)),
        "i8": np.arange(-3, 3, dtype="<i8").reshape(2, 3),
        "i4": np.arange(-3, 3, dtype="<i4"),
        "i2": np.arange(-3, 3, dtype="<i2"),
        "i1": np.arange(-3, 3, dtype="i1"),
        "u1": np.arange(250, 256, dtype="u1"),
        "bool": np.array([True, False, True]),
        "scalar": np.float32(2.5),
        "empty": np.zeros((0, 3), "<f4"),
        "text": np.array([["rock", "m\u00fcsic", ""], ["\U0001f3b5", "a b", "x\0y"]]),
        "text_fortran": np.asfortranarray(np.array([["a", "bc", "d"], ["e", "f", "gh"]])),
        "bytes": np.array([b"blues", b"jazz", b""]),
    }


def npy_bytes(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version=version)
    return file.getvalue()


def numpy_files():
    np.savez(FOLDER / "stored.npz", **numpy_arrays())
    np.savez_compressed(FOLDER / "deflated.npz", **numpy_arrays())
    values = ramp(3, 5).astype("<f4")
    for version in (1, 2, 3):
        (FOLDER / f"version{version}.npy").write_bytes(npy_bytes(values, (version, 0)))
    refused = {
        "object": np.array([{}, None], dtype=object),
        "big_endian": values.astype(">f4"),
        "structured": np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]),
        "complex": np.zeros(2, "<c8"),
        "unsigned": np.zeros(2, "<u4"),
        "date": np.zeros(2, "<M8[s]"),
    }
    for name, array in refused.items():
        np.save(FOLDER / f"refused_{name}.npy", array, allow_pickle=True)
    np.savez(FOLDER / "refused_object.npz", labels=refused["object"])
    with zipfile.ZipFile(FOLDER / "refused_bzip2.npz", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("x.npy", npy_bytes(values))
    with zipfile.ZipFile(FOLDER / "refused_member.npz", "w") as file:
        file.writestr("readme.txt", "no array")


def mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


GAMMA = np.uint64(0x9E3779B97F4A7C15)


def he_normal(seed, tensor, fan_in, pairs):
    """The definition in weights/he_init.h: values 2p and 2p + 1 of each pair p."""
    with np.errstate(over="ignore"):
        start = mix(np.uint64(seed) + GAMMA * np.uint64(1 + tensor))
        a = mix(start + GAMMA * (np.uint64(2) * pairs + np.uint64(1)))
        b = mix(start + GAMMA * (np.uint64(2) * pairs + np.uint64(2)))
    one = np.uint64(1)
    radius = np.sqrt(-2 * np.log(((a >> np.uint64(11)) + one).astype("f8") / 2.0**53))
    angle = 2 * np.pi * ((b >> np.uint64(11)).astype("f8") / 2.0**53)
    scale = np.sqrt(2.0 / fan_in)
    values = np.stack([scale * (radius * np.cos(angle)), scale * (radius * np.sin(angle))], axis=1)
    return values.reshape(-1).astype("<f4")


SHAPES = [(3, 3, 1, 64), (3, 3, 64, 128), (3, 3, 128, 256), (3, 3, 256, 256), (3, 3, 256, 512),
          (3, 3, 512, 512), (12288, 4096), (4096, 4096), (4096, 128)]  # fmt: skip


def he_init_file():
    """The first and the last 8 values of each weight tensor (biases lie between them), 3 seeds."""
    arrays = {}
    for seed in (0, 1, 2**64 - 1):
        for layer, shape in enumerate(SHAPES):
            count = int(np.prod(shape))
            pairs = np.r_[0:4, count // 2 - 4 : count // 2].astype("u8")
            fan_in = count // shape[-1]
            arrays[f"{seed}/{2 * layer}"] = he_normal(seed, 2 * layer, fan_in, pairs)
    np.savez_compressed(FOLDER / "he_init.npz", **arrays)


if __name__ == "__main__":
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, safetensors {safetensors.__version__}")
    safetensors_files()
    numpy_files()
    he_init_file()
