#!/usr/bin/env python3
"""Makes small feature tables as people make them with NumPy. No arguments.

  audioset.npz   x uint8 [3, 2, 4] deflated, y text, group integers, split bytes, id text
  flat.npz       x float64 [4, 3] in Fortran order, y int64 labels 10, 2, 2, 0; nothing else
  ragged.npz     x float32 [6, 2] of clips of 1, 3 and 2 rows
Values are k/4 (float) or k (uint8), counted up from 0 in C order.
"""

import pathlib
import sys

import numpy as np

folder = pathlib.Path(__file__).parent
np.savez_compressed(folder / "audioset.npz", x=np.arange(24, dtype=np.uint8).reshape(3, 2, 4),
                    y=np.array(["rock", "jazz", "rock"]), group=np.array([7, 7, -1], dtype=np.int32),
                    split=np.array([b"train", b"test", b"val"]),
                    id=np.array(["a", "Käthe – \U0001f3b5", ""]))
np.savez(folder / "flat.npz", x=np.asfortranarray(np.arange(12).reshape(4, 3) / 4),
         y=np.array([10, 2, 2, 0]))
np.savez(folder / "ragged.npz", x=(np.arange(12).reshape(6, 2) / 4).astype(np.float32),
         y=np.array(["a", "b", "a"]), frames=np.array([1, 3, 2]))
print(f"NumPy {np.__version__}", file=sys.stderr)
