"""models.py DIR... - writes the tiny ONNX models that the tests of test/ort and test/client run.

identity.onnx       y_<type> = x_<type> for every type Triton's backend has, each of shape [B,L]
identity_bf16.onnx  y = x, bfloat16 [B]
add.onnx            sum = a + b, product = a * b, float32 [B,3]
add_default.onnx    the same, where b has an initialiser of ones [1,3]
"""

import pathlib
import sys

import onnx
from onnx import TensorProto, helper

TYPES = {
    "bool": TensorProto.BOOL,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "string": TensorProto.STRING,
}


def model(name, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    made = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="recsys-test")
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString(deterministic=True)


def identity():
    return model(
        "identity",
        [helper.make_node("Identity", [f"x_{t}"], [f"y_{t}"]) for t in TYPES],
        [helper.make_tensor_value_info(f"x_{t}", number, ["B", "L"]) for t, number in TYPES.items()],
        [helper.make_tensor_value_info(f"y_{t}", number, ["B", "L"]) for t, number in TYPES.items()])


def identity_bf16():
    return model(
        "identity_bf16",
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.BFLOAT16, ["B"])],
        [helper.make_tensor_value_info("y", TensorProto.BFLOAT16, ["B"])])


def add(initializers):
    def info(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", 3])
    return model(
        "add",
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])],
        [info("a"), info("b")], [info("sum"), info("product")], initializers)


def main():
    ones = helper.make_tensor("b", TensorProto.FLOAT, [1, 3], [1.0, 1.0, 1.0])
    for directory in map(pathlib.Path, sys.argv[1:]):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "identity.onnx").write_bytes(identity())
        (directory / "identity_bf16.onnx").write_bytes(identity_bf16())
        (directory / "add.onnx").write_bytes(add([]))
        (directory / "add_default.onnx").write_bytes(add([ones]))


if __name__ == "__main__":
    main()
