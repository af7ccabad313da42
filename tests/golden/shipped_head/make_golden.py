#!/usr/bin/env python3
"""Makes shipped_head.json: what weights/heads/audioset-genre10.safetensors says to three synthetic clips.

Needs NumPy (its version is written into the file); no arguments. Run it again when the head is
trained anew. The rows are the head's mean plus a sine of one standard deviation, in the 8-bit form;
no recording is in them. Probabilities are computed in float64. `tolerance` bounds what fp32 may lose:
a dot product of n terms errs by at most gamma_n = n u / (1 - n u) of the sum of its absolute terms
(Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), u = 2^-24; a logit error of e
changes a probability p by at most p (exp(2 e) - 1).
"""

import json
import pathlib
import struct

import numpy as np

FOLDER = pathlib.Path(__file__).parent
HEAD = FOLDER.parents[2] / "weights" / "heads" / "audioset-genre10.safetensors"
CLIPS, ROWS, FEATURES = 3, 2, 128


def read_safetensors(path):
    """(tensors in float64, vggroove's metadata)"""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = json.loads(header.pop("__metadata__")["vggroove"])
    tensors = {}
    for name, tensor in header.items():
        first, last = tensor["data_offsets"]
        values = np.frombuffer(data[8 + length + first:8 + length + last], dtype="<f4")
        tensors[name] = values.reshape(tensor["shape"]).astype(np.float64)
    return tensors, metadata


def gamma(n):
    u = 2.0 ** -24
    return n * u / (1 - n * u)


def main():
    t, metadata = read_safetensors(HEAD)
    mean, scale = t["head/mean"], t["head/scale"]
    w1, b1 = t["head/hidden/weights"], t["head/hidden/biases"]
    w2, b2 = t["head/logits/weights"], t["head/logits/biases"]

    row = np.arange(CLIPS * ROWS)[:, None]
    synthetic = mean + np.sin(np.arange(FEATURES) * (row + 1.0)) / scale
    quantized = np.clip((synthetic + 2) * 63.75, 0, 255).astype(np.uint8)
    x = (quantized / 255 * 4 - 2 - mean) * scale
    # Dequantised, subtracted and multiplied in fp32: three roundings, of which that of x counts
    # against the uncentred value.
    x_error = gamma(3) * (np.abs(quantized / 255 * 4 - 2) + np.abs(mean)) * scale

    hidden = np.maximum(x @ w1 + b1, 0)
    hidden_error = x_error @ np.abs(w1) + gamma(FEATURES + 1) * (np.abs(x) @ np.abs(w1) + np.abs(b1))
    logits = hidden @ w2 + b2
    logit_error = (hidden_error @ np.abs(w2)
                   + gamma(w2.shape[0] + 1) * (hidden @ np.abs(w2) + np.abs(b2)))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    tolerance = (probabilities * np.expm1(2 * logit_error.max(axis=1, keepdims=True))).max()

    golden = {"versions": {"numpy": np.__version__},
              "labels": metadata["labels"],
              "quantized": quantized.reshape(CLIPS, ROWS * FEATURES).tolist(),
              "probabilities": probabilities.reshape(CLIPS, ROWS, -1).mean(axis=1).tolist(),
              "tolerance": tolerance}
    path = FOLDER / "shipped_head.json"
    path.write_text(json.dumps(golden) + "\n", encoding="utf-8")
    print(path.stat().st_size, "bytes, tolerance", tolerance)


if __name__ == "__main__":
    main()
