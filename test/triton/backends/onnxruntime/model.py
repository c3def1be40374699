"""A backend for Triton, named "onnxruntime", that runs ONNX models in Python on the CPU.

Triton core serves with it, unchanged, a repository made for the C++ backend of that name: every model whose
config.pbtxt says `backend: "onnxruntime"` becomes a TritonPythonModel. It is as strict as the C++ backend about
names, datatypes and dims, and refuses what it lacks: implicit state, ragged batches, bfloat16. It is slower, and
each model instance is a process.

This file and onnx_config.py lie in <backend-directory>/onnxruntime/, with the wheels numpy and onnxruntime in
site-packages beside them.
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# The process that runs this ignores PYTHONPATH.
sys.path[:0] = [HERE, os.path.join(HERE, "site-packages")]

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils

import onnx_config

# What the C++ backend sets where a model can batch and its configuration does not say how far.
DEFAULT_MAX_BATCH_SIZE = 4


def open_session(config, version_folder):
    """The model file of a version: <default_model_filename>, or model.onnx inside a folder of that name."""
    path = os.path.join(version_folder, config.get("default_model_filename") or "model.onnx")
    if os.path.isdir(path):
        path = os.path.join(path, "model.onnx")
    if not os.path.isfile(path):
        raise onnx_config.ConfigError(f"unable to find '{path}'")
    options = onnx_config.session_options(config)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def map_strings(array, convert):
    """An object array of the same shape with convert applied to every element."""
    out = np.empty(array.size, dtype=np.object_)
    out[:] = [convert(value) for value in array.ravel()]
    return out.reshape(array.shape)


def to_text(value):
    # The C++ backend hands strings over as char*: they end at the first NUL.
    return (value if isinstance(value, bytes) else value.encode()).partition(b"\0")[0].decode("utf-8")


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        """Fills in what config.pbtxt leaves out; Triton does not call it under --disable-auto-complete-config."""
        config = auto_complete_model_config.as_dict()
        if config["input"] and config["output"]:
            return auto_complete_model_config
        try:
            session = open_session(config, pb_utils.get_model_dir())
            complete(auto_complete_model_config, config, session)
        except Exception as error:
            raise pb_utils.TritonModelException(f"autofill failed for model '{config['name']}': {error}") from error
        return auto_complete_model_config

    def initialize(self, args):
        config = json.loads(args["model_config"])
        folder = os.path.join(args["model_repository"], args["model_version"])
        try:
            self.session = open_session(config, folder)
            onnx_config.check(config, self.session)
        except Exception as error:  # ONNX Runtime raises many types
            raise pb_utils.TritonModelException(f"unable to load model '{config['name']}': {error}") from error
        self.batched = config["max_batch_size"] > 0
        self.outputs = [io["name"] for io in config["output"]]
        nodes = [*self.session.get_inputs(), *self.session.get_outputs()]
        self.scalars = {node.name for node in nodes if not node.shape}

    def execute(self, requests):
        answers = [None] * len(requests)
        feeds = {}
        for i, request in enumerate(requests):
            try:
                feeds[i] = self.feed(request)
            except UnicodeDecodeError as error:
                answers[i] = failure(f"input string is not UTF-8: {error}")
        for members in self.groups(feeds):
            # As in the C++ backend all requests of a failed batch fail.
            try:
                results = self.run([feeds[i] for i in members])
                for i, values in zip(members, results):
                    answers[i] = self.answer(requests[i], values)
            except Exception as error:  # ONNX Runtime raises many types
                for i in members:
                    answers[i] = failure(f"onnx runtime error: {error}")
        return answers

    def feed(self, request):
        """{name: array} of a request's inputs."""
        feed = {}
        for tensor in request.inputs():
            name, value = tensor.name(), tensor.as_numpy()
            if value.dtype == np.object_:
                value = map_strings(value, to_text)
            feed[name] = value.reshape(()) if name in self.scalars else value
        return feed

    def groups(self, feeds):
        """Lists of the requests that can run as one batch: those whose shapes agree but for the first axis."""
        if not self.batched:
            return [[i] for i in feeds]
        groups = {}
        for i, feed in feeds.items():
            key = tuple(sorted((name, value.shape[1:]) for name, value in feed.items()))
            groups.setdefault(key, []).append(i)
        return list(groups.values())

    def run(self, feeds):
        """The outputs of each of the feeds, run together."""
        if len(feeds) == 1:
            return [self.session.run(self.outputs, feeds[0])]
        joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
        values = self.session.run(self.outputs, joined)
        sizes = [len(next(iter(feed.values()))) for feed in feeds]
        for name, value in zip(self.outputs, values):
            if not value.shape or len(value) != sum(sizes):
                raise ValueError(f"output '{name}' has shape {list(value.shape)}, its first dimension must be "
                                 f"{sum(sizes)}")
        parts = [np.split(value, np.cumsum(sizes)[:-1]) for value in values]
        return [list(part) for part in zip(*parts)]

    def answer(self, request, values):
        wanted = set(request.requested_output_names())
        tensors = []
        for name, value in zip(self.outputs, values):
            if wanted and name not in wanted:
                continue
            if name in self.scalars:
                value = np.asarray(value).reshape(1)
            if value.dtype == np.object_:
                value = map_strings(value, str.encode)
            tensors.append(pb_utils.Tensor(name, np.ascontiguousarray(value)))
        return pb_utils.InferenceResponse(output_tensors=tensors)

    def finalize(self):
        self.session = None


def failure(message):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message))


def complete(model_config, config, session):
    """Adds batching, inputs and outputs to model_config as the C++ backend would."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    can_batch = all(onnx_config.dims(node)[:1] == [-1] for node in inputs + outputs)
    batch = config["max_batch_size"]
    if batch > 0 and not can_batch:
        raise onnx_config.ConfigError("model does not support batching while non-zero max_batch_size is specified")
    if batch == 0 and can_batch:
        batch = DEFAULT_MAX_BATCH_SIZE
        model_config.set_max_batch_size(batch)
    if batch > 1 and not config.get("sequence_batching"):
        model_config.set_dynamic_batching()
    fed = onnx_config.controls(config)
    for key, nodes, add in (("input", inputs, model_config.add_input), ("output", outputs, model_config.add_output)):
        if config[key]:
            continue
        for node in nodes:
            if node.name in fed:
                continue
            dims = onnx_config.dims(node)[1 if batch > 0 else 0:]
            io = {"name": node.name, "data_type": onnx_config.triton_type(node), "dims": dims or [1]}
            if not dims and batch > 0:
                io["reshape"] = {"shape": []}
            add(io)
