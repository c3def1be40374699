"""infer_requests.py DIR - writes ModelInferRequests as Python's tritonclient makes them, one file each.

client/golden_test.go makes the same requests with the Go client and compares the bytes; CASES is mirrored there.
"""

import pathlib
import sys

import ml_dtypes
import numpy as np
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc._utils import _get_inference_request as get_request


def strings(*values):
    return np.array(values, dtype=np.object_)


CASES = {
    "bool": np.array([[True, False, True]]),
    "uint8": np.array([[0, 1, 255]], np.uint8),
    "uint16": np.array([[0, 1, 65535]], np.uint16),
    "uint32": np.array([[0, 1, 4294967295]], np.uint32),
    "uint64": np.array([[0, 1, 18446744073709551615]], np.uint64),
    "int8": np.array([[-128, -1, 127]], np.int8),
    "int16": np.array([[-32768, -1, 32767]], np.int16),
    "int32": np.array([[-2147483648, -1, 2147483647]], np.int32),
    "int64": np.array([[-9223372036854775808, -1, 9223372036854775807]], np.int64),
    "float16": np.array([[0.5, -2, np.inf]], np.float16),
    "bfloat16": np.array([[0.5, -2, np.inf]], ml_dtypes.bfloat16),
    "float32": np.array([[0.5, -2, np.inf]], np.float32),
    "float64": np.array([[0.5, -2, np.inf]], np.float64),
    "string": strings(b"", b"a", "naïve café".encode(), b"with\0nul", b"\xff\xfe").reshape(1, 5),
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "empty_string": np.zeros((0,), np.object_),
    "rank6": np.arange(2 * 3 * 2, dtype=np.int32).reshape(1, 2, 1, 3, 1, 2),
}

DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
    "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "float16": "FP16", "bfloat16": "BF16", "float32": "FP32", "float64": "FP64", "object": "BYTES",
}


def infer_input(name, array):
    tensor = InferInput(name, list(array.shape), DATATYPES[array.dtype.name])
    tensor.set_data_from_numpy(array)
    return tensor


def request(inputs, outputs, version="", request_id="", priority=0, timeout=None, parameters=None):
    return get_request(
        "model", [infer_input(name, array) for name, array in inputs.items()], version, request_id,
        [InferRequestedOutput(name) for name in outputs], 0, False, False, priority, timeout, parameters)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    made = {name: request({"x": array}, ["y"]) for name, array in CASES.items()}
    made["everything"] = request(
        {"age": np.array([[37.5]], np.float32), "history": np.array([[3, 1, 2]], np.int64), "user": strings(b"u42").reshape(1, 1)},
        ["scores", "item_ids"], version="7", request_id="r-1", priority=2, timeout=250000,
        parameters={"flag": True, "count": 3, "ratio": 0.5, "tenant": "shop"})
    for name, message in made.items():
        (out / f"{name}.bin").write_bytes(message.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
