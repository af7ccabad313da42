"""Writes the golden files of the weight importers with the programs whose formats they are.

    tensorflow/python make_golden.py tensorflow    tf_v1*.ckpt, tf_v2*.index, tf_v2*.data-*
    pytorch/python    make_golden.py torch         *.pth

Made with TensorFlow 2.21.0 (its TF 1 Saver) and NumPy 2.4.6; PyTorch 2.15.0.dev and NumPy 2.4.6.
The names are those of VGGish, the shapes are small. The element at flat index i of the tensor
`name` is ((37 i + sum of the bytes of name) mod 2003 - 1001) / 1024, exact in fp16 as well where
said; tests/weights/import/golden.h computes the same.
"""
import os
import pickle
import sys
from collections import OrderedDict

import numpy as np

CHANNELS = [1, 2, 3, 4, 4, 5, 5]
CONVS = ["conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1", "conv4/conv4_2"]
DENSE = {"fc1/fc1_1": (24 * CHANNELS[-1], 7), "fc1/fc1_2": (7, 7), "fc2": (7, 6)}


def shapes():
    result = OrderedDict()
    for layer, (c_in, c_out) in zip(CONVS, zip(CHANNELS, CHANNELS[1:])):
        result[f"vggish/{layer}/weights"] = (3, 3, c_in, c_out)
        result[f"vggish/{layer}/biases"] = (c_out,)
    for layer, (rows, columns) in DENSE.items():
        result[f"vggish/{layer}/weights"] = (rows, columns)
        result[f"vggish/{layer}/biases"] = (columns,)
    return result


def values(name, shape, dtype=np.float32):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return (((37 * i + sum(name.encode())) % 2003 - 1001) / 1024).reshape(shape).astype(dtype)


def tensorflow():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    v1 = tf.compat.v1
    v1.disable_eager_execution()

    def save(path, version, partitions=None, devices=1, dtype=np.float32):
        with v1.Graph().as_default():
            variables = {}
            for n, (name, shape) in enumerate(shapes().items()):
                with v1.device(f"/cpu:{n % devices}"):
                    full = values(name, shape, dtype)
                    if partitions and name.endswith("fc1_1/weights"):
                        # A PartitionedVariable is saved as slices of one tensor.
                        def piece(shape, dtype=None, partition_info=None, full=full):
                            first = partition_info.var_offset
                            return full[first[0]:first[0] + shape[0], first[1]:first[1] + shape[1]]
                        v1.get_variable(name, shape, dtype=dtype, initializer=piece, use_resource=False,
                                        partitioner=lambda shape, dtype: partitions)
                    else:
                        v1.get_variable(name, initializer=full, use_resource=False)
            v1.get_variable("global_step", initializer=np.int64(12345), use_resource=False)
            if dtype == np.float32:
                v1.get_variable("beta1_power", initializer=np.float32(0.5), use_resource=False)
            saver = v1.train.Saver(write_version=version, sharded=devices > 1)
            with v1.Session(config=v1.ConfigProto(device_count={"CPU": devices})) as session:
                session.run(v1.global_variables_initializer())
                saver.save(session, path, write_meta_graph=False, write_state=False)

    save("tf_v1.ckpt", v1.train.SaverDef.V1)
    save("tf_v1_partitioned.ckpt", v1.train.SaverDef.V1, partitions=[3, 1])
    save("tf_v1_columns.ckpt", v1.train.SaverDef.V1, partitions=[1, 2])
    save("tf_v1_float64.ckpt", v1.train.SaverDef.V1, dtype=np.float64)
    save("tf_v2", v1.train.SaverDef.V2)
    save("tf_v2_partitioned", v1.train.SaverDef.V2, partitions=[3, 1])
    save("tf_v2_sharded", v1.train.SaverDef.V2, devices=2)


def torch_name(name):
    kind = {"weights": "weight", "biases": "bias"}[name.rsplit("/", 1)[1]]
    layer = name[len("vggish/"):].rsplit("/", 1)[0]
    if layer in DENSE:
        return f"embeddings.{2 * list(DENSE).index(layer)}.{kind}"
    return f"features.{[0, 3, 6, 8, 11, 13][CONVS.index(layer)]}.{kind}"


def torch_files():
    import torch

    def torch_layout(name, array):
        if array.ndim == 4:
            array = array.transpose(3, 2, 0, 1)  # HWIO -> OIHW
        elif array.ndim == 2:
            array = array.T
        return torch.from_numpy(array.copy())

    class Layer(torch.nn.Module):
        def __init__(self, weight, bias):
            super().__init__()
            self.weight, self.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)

    network = torch.nn.Module()
    network.features, network.embeddings = torch.nn.Module(), torch.nn.Module()
    tensors = {torch_name(n): torch_layout(n, values(n, s)) for n, s in shapes().items()}
    for name in tensors:
        part, index, kind = name.split(".")
        if kind == "weight":
            getattr(network, part).add_module(
                index, Layer(tensors[name], tensors[f"{part}.{index}.bias"]))
    state = network.state_dict()  # an OrderedDict with an attribute _metadata
    torch.save(state, "state_dict.pth")
    torch.save(state, "state_dict_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(state, "state_dict_protocol4.pth", pickle_protocol=4)
    torch.save({"epoch": 3, "loss": 0.25, "best": None, "done": False, "lr": [1e-4, 2 ** 40],
                "model_state_dict": state}, "training_checkpoint.pth")

    # Views, shared storages, other element types, parameters.
    base = torch.from_numpy(values("base", (6, 4)))
    views = OrderedDict(
        base=base, transposed=base.t(), row=base[2], column=base[:, 1], every_other=base[::2, 1::2],
        scalar=base[3, 2], empty=base[:0], parameter=torch.nn.Parameter(base[1:3]),
        double=torch.from_numpy(values("double", (5,), np.float64)),
        half=torch.from_numpy(values("half", (5,))).half(),
        bfloat16=torch.from_numpy(values("bfloat16", (5,))).bfloat16(),
        int64=torch.arange(-2, 3), uint8=torch.arange(5, dtype=torch.uint8),
        bool=torch.tensor([True, False, True]))
    torch.save(views, "views.pth")
    torch.save(views, "views_legacy.pth", _use_new_zipfile_serialization=False)

    # torchvggish's file of PCA parameters holds NumPy arrays, not tensors.
    pca = {"pca_eigen_vectors": values("pca_eigen_vectors", (5, 5), np.float64),
           "pca_means": values("pca_means", (5,), np.float64)}
    torch.save(pca, "pca_numpy.pth")
    torch.save(pca, "pca_numpy_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({k: np.asfortranarray(v).astype(np.float32) for k, v in pca.items()},
               "pca_numpy_fortran.pth", pickle_protocol=4)

    # The pickles of a network of the full size; the test puts the numbers behind them.
    full_size()
    torch.save(torch.nn.Linear(2, 2), "whole_module.pth")  # an object, not a list of tensors


def full_size():
    import torch

    channels = [1, 64, 128, 256, 256, 512, 512]
    state = OrderedDict()
    for layer, (c_in, c_out) in zip(CONVS, zip(channels, channels[1:])):
        state[torch_name(f"vggish/{layer}/weights")] = torch.zeros(c_out, c_in, 3, 3)
        state[torch_name(f"vggish/{layer}/biases")] = torch.zeros(c_out)
    for layer, (rows, columns) in zip(DENSE, [(12288, 4096), (4096, 4096), (4096, 128)]):
        state[torch_name(f"vggish/{layer}/weights")] = torch.zeros(columns, rows)
        state[torch_name(f"vggish/{layer}/biases")] = torch.zeros(columns)
    torch.save(state, "full_size.pth", _use_new_zipfile_serialization=False)
    with open("full_size.pth", "rb") as file:
        for _ in range(4):  # magic number, protocol, machine, object
            SkipStorages(file).load()
        keys = pickle.load(file)
        size = file.tell()
        file.seek(0)
        open("full_size_legacy.head", "wb").write(file.read(size))
    os.remove("full_size.pth")
    names = {str(t.untyped_storage()._cdata): n for n, t in state.items()}
    open("full_size_legacy.order", "w").write("".join(names[key] + "\n" for key in keys))


class SkipStorages(pickle.Unpickler):
    def persistent_load(self, description):
        return description

    def find_class(self, module, name):
        return lambda *arguments: OrderedDict()


if __name__ == "__main__":
    {"tensorflow": tensorflow, "torch": torch_files}[sys.argv[1]]()
