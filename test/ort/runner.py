"""Runs ONNX models in ONNX Runtime for the Go package test/ort, over standard input and output.

A message in either direction is: uint32 length of the header, the header (JSON), uint64 length of the body,
the body; integers are little-endian. Tensors lie in the body one after another, in the header's order, row-major
and little-endian; a string is its uint32 length and its UTF-8 bytes.

Requests                                                        body
  {"op": "load", "model": KEY}                                  the ModelProto
  {"op": "run", "model": KEY, "inputs": [TENSOR...],            the inputs
   "outputs": [NAME...]}                                        (no outputs named: all)
  {"op": "check"}                                               the ModelProto
TENSOR is {"name", "dtype", "shape", "bytes"}, with dtype as Triton writes it (FP32, BYTES ...).

Answers: {} or {"error": TEXT}, {"missing": true} for a KEY that is not loaded (any more), and for run
{"outputs": [TENSOR...]} with the outputs as body. The process ends when its input does.
"""

import collections
import ctypes
import json
import math
import os
import struct
import sys

import numpy as np
import onnxruntime as ort

SESSIONS = 64  # the most recently used models stay loaded

BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16: numpy has no such type, so it travels as uint16

NUMPY = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}

TRITON = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(bfloat16)": "BF16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


def decode_strings(data):
    strings, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        strings.append(data[at:at + length].decode("utf-8"))
        at += length
    return strings


def encode_strings(strings):
    parts = []
    for value in strings:
        raw = value.encode("utf-8")
        parts += (struct.pack("<I", len(raw)), raw)
    return b"".join(parts)


def to_numpy(dtype, shape, data):
    if dtype != "BYTES":
        return np.frombuffer(data, dtype=NUMPY[dtype]).reshape(shape)
    strings = decode_strings(data)
    array = np.empty(len(strings), dtype=np.object_)
    array[:] = strings
    return array.reshape(shape)


def to_bytes(dtype, array):
    if dtype == "BYTES":
        return encode_strings(array.ravel())
    return np.ascontiguousarray(array, dtype=NUMPY[dtype]).tobytes()


def evaluate(session, names, inputs):
    """(dtype, shape, bytes) of each named output; inputs is {name: (dtype, array)}."""
    types = {node.name: node.type for node in session.get_outputs()}
    for name in names:
        if types.get(name) not in TRITON:
            raise ValueError(f"output {name!r} is a {types.get(name)}; outputs are {types}")
    dtypes = [TRITON[types[name]] for name in names]
    if "BF16" not in dtypes and all(dtype != "BF16" for dtype, _ in inputs.values()):
        values = session.run(names, {name: array for name, (_, array) in inputs.items()})
        return [(d, list(v.shape), to_bytes(d, v)) for d, v in zip(dtypes, values)]

    # bfloat16 goes in and out through OrtValues only, which in turn cannot be made of strings.
    feed = {}
    for name, (dtype, array) in inputs.items():
        if dtype == "BF16":
            feed[name] = ort.OrtValue.ortvalue_from_numpy_with_onnx_type(array.copy(), BFLOAT16)
        else:
            feed[name] = ort.OrtValue.ortvalue_from_numpy(array.copy(), "cpu")
    answers = []
    for dtype, value in zip(dtypes, session.run_with_ort_values(names, feed)):
        shape = list(value.shape())
        if dtype == "BF16":
            answers.append((dtype, shape, ctypes.string_at(value.data_ptr(), 2 * math.prod(shape))))
        else:
            answers.append((dtype, shape, to_bytes(dtype, value.numpy())))
    return answers


class Runner:
    def __init__(self):
        self.sessions = collections.OrderedDict()
        self.options = ort.SessionOptions()
        self.options.log_severity_level = 3
        # One thread: the same order of additions in every run.
        self.options.intra_op_num_threads = 1
        self.options.inter_op_num_threads = 1

    def load(self, header, body):
        session = ort.InferenceSession(body, self.options, providers=["CPUExecutionProvider"])
        self.sessions[header["model"]] = session
        if len(self.sessions) > SESSIONS:
            self.sessions.popitem(last=False)
        return {}, b""

    def run(self, header, body):
        session = self.sessions.get(header["model"])
        if session is None:
            return {"missing": True}, b""
        self.sessions.move_to_end(header["model"])
        inputs, at = {}, 0
        for tensor in header["inputs"]:
            data = body[at:at + tensor["bytes"]]
            inputs[tensor["name"]] = tensor["dtype"], to_numpy(tensor["dtype"], tensor["shape"], data)
            at += tensor["bytes"]
        names = header["outputs"] or [node.name for node in session.get_outputs()]
        described, parts = [], []
        for name, (dtype, shape, data) in zip(names, evaluate(session, names, inputs)):
            described.append({"name": name, "dtype": dtype, "shape": shape, "bytes": len(data)})
            parts.append(data)
        return {"outputs": described}, b"".join(parts)

    def check(self, header, body):
        import onnx  # slow to import, and few tests need it

        onnx.checker.check_model(body, full_check=True)
        return {}, b""

    def answer(self, header, body):
        try:
            return {"load": self.load, "run": self.run, "check": self.check}[header["op"]](header, body)
        except Exception as error:  # ONNX Runtime raises many types: each becomes the caller's error
            return {"error": f"{type(error).__name__}: {error}"}, b""


def read(stream, size):
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def main():
    stdin = sys.stdin.buffer
    # Whatever a library prints goes to standard error: standard output carries messages only.
    stdout = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    runner = Runner()
    while True:
        try:
            (length,) = struct.unpack("<I", read(stdin, 4))
            header = json.loads(read(stdin, length))
            (length,) = struct.unpack("<Q", read(stdin, 8))
            body = read(stdin, length)
        except EOFError:
            return
        header, body = runner.answer(header, body)
        raw = json.dumps(header).encode()
        stdout.write(struct.pack("<I", len(raw)) + raw + struct.pack("<Q", len(body)))
        stdout.write(body)
        stdout.flush()


if __name__ == "__main__":
    main()
