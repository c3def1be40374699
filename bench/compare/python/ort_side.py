"""The side of ONNX Runtime and numpy. usage: ort_side.py WORK THREADS DIR"""
import os
import sys

import numpy

import protocol

WORK, THREADS, DIR = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def column(name, dtype, *shape):
    return numpy.fromfile(os.path.join(DIR, name), dtype=dtype).reshape(shape)


def gemm():
    a, b = column("a", "float32", 1024, 1024), column("b", "float32", 1024, 1024)
    c = numpy.empty_like(a)

    def work(n):
        for _ in range(n):
            numpy.matmul(a, b, out=c)
        return float(c.sum(dtype=numpy.float64))

    protocol.serve(numpy.__version__, work)


def model(feeds):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.path.join(DIR, "model.onnx"), options, providers=["CPUExecutionProvider"])

    def work(n):
        for _ in range(n):
            scores = session.run(["scores"], feeds)[0]
        return float(scores.sum(dtype=numpy.float64))

    protocol.serve(onnxruntime.__version__, work)


if WORK == "gemm":
    gemm()
elif WORK == "ranker":
    model({f"ids{i}": column(f"ids{i}", "int64", -1) for i in range(26)})
else:
    model({"query": column("query", "float32", 1, 64)})
