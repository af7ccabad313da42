#!/usr/bin/env python3
"""Makes postprocess.npz: embeddings in the AudioSet form, by NumPy.

  eigen_vectors [128, 128], means [128], embeddings [n, 128]  float32: the inputs
  scaled [n, 128] float64: (clip(E (x - mean), -2, 2) + 2) * 255 / 4 in double, before truncation
  quantized [n, 128] uint8: the same in float32 throughout, as vggish_postprocess.py does it
  dequantized [256] float32: the value of every byte

The matrix is a random rotation, the embeddings are large enough that some values are clipped.
Run with NumPy 2.4; no arguments.
"""

import pathlib
import sys

import numpy as np

rng = np.random.default_rng(4)
n = 9
rotation = np.linalg.qr(rng.standard_normal((128, 128)))[0].astype(np.float32)
means = rng.standard_normal(128).astype(np.float32)
embeddings = (means + rng.standard_normal((n, 128))).astype(np.float32)
embeddings[0] *= 5  # much clipping
embeddings[1] = means  # exactly zero: (0 + 2) * 63.75 = 127.5, truncated to 127


def postprocess(e, m, x):
    pca = np.dot(e, (x.T - m[:, np.newaxis])).T
    return (np.clip(pca, -2.0, 2.0) - (-2.0)) * (255.0 / (2.0 - (-2.0)))


single = postprocess(rotation, means, embeddings)
assert single.dtype == np.float32
double = postprocess(rotation.astype(np.float64), means.astype(np.float64),
                     embeddings.astype(np.float64))
out = pathlib.Path(__file__).parent / "postprocess.npz"
np.savez_compressed(out, eigen_vectors=rotation, means=means, embeddings=embeddings, scaled=double,
                    quantized=single.astype(np.uint8),
                    dequantized=(np.arange(256) / 255 * 4 - 2).astype(np.float32))
print(f"NumPy {np.__version__}, {out.stat().st_size} bytes, "
      f"{np.mean((double == 0) | (double == 255)):.1%} clipped", file=sys.stderr)
