"""VGGish in PyTorch and ONNX Runtime, each at its best settings: the peers we compare with.

Weights are read from the .npz that `vggroove weights export --to npz` writes, so that every program
computes with the same numbers.
"""

import numpy as np

CONVS = [  # name, followed by a 2x2 max-pool
    ("vggish/conv1", True),
    ("vggish/conv2", True),
    ("vggish/conv3/conv3_1", False),
    ("vggish/conv3/conv3_2", True),
    ("vggish/conv4/conv4_1", False),
    ("vggish/conv4/conv4_2", True),
]
DENSES = [  # name, followed by a ReLU
    ("vggish/fc1/fc1_1", True),
    ("vggish/fc1/fc1_2", True),
    ("vggish/fc2", False),
]


def torch_model(weights):
    """nn.Module [N, 1, 96, 64] -> [N, 128] from a mapping of canonical names to arrays."""
    import torch
    from torch import nn

    class Vggish(nn.Module):
        def __init__(self):
            super().__init__()
            layers = []
            for name, pool in CONVS:
                w = np.asarray(weights[name + "/weights"])  # HWIO
                conv = nn.Conv2d(w.shape[2], w.shape[3], 3, padding=1)
                conv.weight.data = torch.from_numpy(np.ascontiguousarray(w.transpose(3, 2, 0, 1)))
                conv.bias.data = torch.from_numpy(np.array(weights[name + "/biases"]))
                layers += [conv, nn.ReLU()] + ([nn.MaxPool2d(2)] if pool else [])
            self.features = nn.Sequential(*layers)
            layers = []
            for name, relu in DENSES:
                w = np.asarray(weights[name + "/weights"])  # [in, out]
                dense = nn.Linear(w.shape[0], w.shape[1])
                dense.weight.data = torch.from_numpy(np.ascontiguousarray(w.T))
                dense.bias.data = torch.from_numpy(np.array(weights[name + "/biases"]))
                layers += [dense] + ([nn.ReLU()] if relu else [])
            self.embeddings = nn.Sequential(*layers)

        def forward(self, x):
            x = self.features(x)
            # The flatten order of the original is H, W, C.
            return self.embeddings(x.permute(0, 2, 3, 1).flatten(1))

    return Vggish().eval()


def torch_runner(weights, threads, precision, compiled):
    """A function [N, 96, 64] float32 -> [N, 128] float32 in PyTorch."""
    import torch

    torch.set_num_threads(threads)
    model = torch_model(weights).to(memory_format=torch.channels_last)
    if precision == "bf16":
        model = model.to(torch.bfloat16)
    if compiled:
        import torch._inductor.config as inductor

        inductor.freezing = True  # constant-folds and pre-packs the weights
        model = torch.compile(model, mode="max-autotune-no-cudagraphs")
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32

    def run(logmel):
        with torch.inference_mode() if not compiled else torch.no_grad():
            x = torch.from_numpy(logmel).unsqueeze(1).to(dtype)
            return model(x.contiguous(memory_format=torch.channels_last)).float().numpy()

    return run


def onnx_bytes(weights):
    """The network as an ONNX model with a dynamic batch."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, inits, x = [], [], "logmel"
    for i, (name, pool) in enumerate(CONVS):
        w = np.asarray(weights[name + "/weights"]).transpose(3, 2, 0, 1)
        inits += [
            numpy_helper.from_array(np.ascontiguousarray(w), f"w{i}"),
            numpy_helper.from_array(np.array(weights[name + "/biases"]), f"b{i}"),
        ]
        nodes.append(helper.make_node("Conv", [x, f"w{i}", f"b{i}"], [f"c{i}"], kernel_shape=[3, 3], pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        x = f"r{i}"
        if pool:
            nodes.append(helper.make_node("MaxPool", [x], [f"p{i}"], kernel_shape=[2, 2], strides=[2, 2]))
            x = f"p{i}"
    nodes.append(helper.make_node("Transpose", [x], ["hwc"], perm=[0, 2, 3, 1]))
    nodes.append(helper.make_node("Flatten", ["hwc"], ["flat"], axis=1))
    x = "flat"
    for i, (name, relu) in enumerate(DENSES):
        inits += [
            numpy_helper.from_array(np.array(weights[name + "/weights"]), f"dw{i}"),
            numpy_helper.from_array(np.array(weights[name + "/biases"]), f"db{i}"),
        ]
        out = f"d{i}" if relu else "embedding"
        nodes.append(helper.make_node("Gemm", [x, f"dw{i}", f"db{i}"], [out]))
        x = out
        if relu:
            nodes.append(helper.make_node("Relu", [x], [f"dr{i}"]))
            x = f"dr{i}"
    graph = helper.make_graph(
        nodes,
        "vggish",
        [helper.make_tensor_value_info("logmel", TensorProto.FLOAT, ["n", 1, 96, 64])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 128])],
        inits,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnxruntime_runner(weights, threads):
    """A function [N, 96, 64] float32 -> [N, 128] float32 in ONNX Runtime."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(onnx_bytes(weights), options, providers=["CPUExecutionProvider"])
    return lambda logmel: session.run(None, {"logmel": logmel[:, None]})[0]


def make_runner(kind, weights, threads):
    """kind: torch-fp32, torch-bf16, torch-compiled-fp32, torch-compiled-bf16 or onnxruntime-fp32."""
    if kind.startswith("onnxruntime"):
        return onnxruntime_runner(weights, threads)
    return torch_runner(weights, threads, kind.rsplit("-", 1)[1], "compiled" in kind)
