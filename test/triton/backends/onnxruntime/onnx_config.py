"""Holds a model's configuration to its ONNX file, as Triton's C++ onnxruntime backend does at load.

Errors are ConfigError; their texts follow the C++ backend's where that has one.
"""

import onnxruntime as ort

# ONNX Runtime's name of a tensor type -> the name in a model's configuration.
TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
    "tensor(string)": "TYPE_STRING",
}

# optimization.graph.level -> ONNX Runtime's level. Yes, 2 switches everything off.
GRAPH_LEVELS = {
    -1: ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    0: ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    1: ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    2: ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}

ACCELERATORS = {
    "gpu_execution_accelerator": ("tensorrt", "cuda"),
    "cpu_execution_accelerator": ("openvino",),
}


class ConfigError(Exception):
    """The configuration does not fit the model, or asks for what this backend lacks."""


def dims(node):
    """A tensor's shape in the ONNX file, -1 for a symbolic or unknown dimension."""
    return [d if isinstance(d, int) and d >= 0 else -1 for d in node.shape]


def triton_type(node):
    """A tensor's type in the ONNX file, as a configuration names it."""
    if node.type not in TYPES:
        raise ConfigError(f"tensor '{node.name}' is a {node.type}, which this backend does not support")
    return TYPES[node.type]


def controls(config):
    """{name: data type} of the inputs that the sequence batcher feeds."""
    found = {}
    for entry in (config.get("sequence_batching") or {}).get("control_input") or []:
        for control in entry["control"]:
            by_value = {"fp32_false_true": "TYPE_FP32", "int32_false_true": "TYPE_INT32",
                        "bool_false_true": "TYPE_BOOL"}
            given = [dtype for key, dtype in by_value.items() if control.get(key)]
            found[entry["name"]] = given[0] if given else control.get("data_type")
    return found


def session_options(config):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    level = int((config.get("optimization") or {}).get("graph", {}).get("level", 0))
    options.graph_optimization_level = GRAPH_LEVELS.get(level, GRAPH_LEVELS[0])
    mode = _number(config, "execution_mode", 0)
    if mode not in (0, 1):
        raise ConfigError(f"parameter 'execution_mode' must be 0 or 1, is {mode}")
    if mode == 1:
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    # Every instance is a process: without a limit each would start a thread per core.
    options.intra_op_num_threads = _number(config, "intra_op_thread_count", 1)
    options.inter_op_num_threads = _number(config, "inter_op_thread_count", 0)
    options.enable_cpu_mem_arena = bool(_number(config, "enable_mem_arena", 1))
    options.enable_mem_pattern = bool(_number(config, "enable_mem_pattern", 1))
    return options


def check(config, session):
    """Raises ConfigError unless config describes the session's model."""
    _check_supported(config)
    inputs = {node.name: node for node in session.get_inputs()}
    optional = {node.name: node for node in session.get_overridable_initializers()}
    fed = controls(config)
    given = {io["name"] for io in config["input"]} | set(fed)
    count = len(given - set(optional))
    if count != len(inputs):
        raise ConfigError(f"configuration expects {count} inputs, model provides {len(inputs)}")
    for io in config["input"]:
        _check_tensor(config, io, {**inputs, **optional}, "input")
        if io.get("optional") and config["max_batch_size"] > 0:
            raise ConfigError(f"optional input '{io['name']}' is not supported for models that support batching")
    outputs = {node.name: node for node in session.get_outputs()}
    for io in config["output"]:
        _check_tensor(config, io, outputs, "output")
    for name, dtype in fed.items():
        if name not in inputs:
            raise ConfigError(f"sequence control '{name}' is no input of the model")
        if triton_type(inputs[name]) != dtype:
            raise ConfigError(f"sequence control '{name}': the model has {triton_type(inputs[name])} but the "
                              f"configuration specifies {dtype}")


def _number(config, key, default):
    parameter = config.get("parameters", {}).get(key)
    if parameter is None:
        return default
    text = parameter["string_value"].strip()
    try:
        return int({"true": "1", "on": "1", "false": "0", "off": "0"}.get(text.lower(), text))
    except ValueError:
        raise ConfigError(f"parameter '{key}' is no number: '{text}'") from None


def _check_supported(config):
    accelerators = (config.get("optimization") or {}).get("execution_accelerators") or {}
    for kind, known in ACCELERATORS.items():
        for accelerator in accelerators.get(kind) or []:
            if accelerator["name"] not in known:
                raise ConfigError(f"unknown Execution Accelerator '{accelerator['name']}' is requested")
    for what, used in (
            ("implicit state", (config.get("sequence_batching") or {}).get("state")),
            ("batch_input", config.get("batch_input")),
            ("batch_output", config.get("batch_output")),
            ("a ragged input", any(io.get("allow_ragged_batch") for io in config["input"]))):
        if used:
            raise ConfigError(f"{what} is not supported by the Python ONNX Runtime backend")


def _check_tensor(config, io, nodes, kind):
    node = nodes.get(io["name"])
    if node is None:
        raise ConfigError(f"unexpected inference {kind} '{io['name']}', allowed {kind}s are: "
                          + ", ".join(sorted(nodes)))
    if io["data_type"] != triton_type(node):
        raise ConfigError(f"configuration expects datatype {io['data_type']} for {kind} '{io['name']}', "
                          f"model provides {triton_type(node)}")
    _check_shape(config, io, node, exact=kind == "output")


def _check_shape(config, io, node, exact):
    """Outputs have to agree exactly; an input's configuration may be narrower than the model."""
    model = dims(node)
    want = [int(d) for d in (io["reshape"]["shape"] if io.get("reshape") else io["dims"])]
    if config["max_batch_size"] > 0:
        if not model or model[0] != -1:
            raise ConfigError(f"tensor '{io['name']}': for the model to support batching the first dimension "
                              f"must be -1, but the model has shape {model}")
        want = [-1, *want]
    elif not model:
        if any(d != 1 for d in want):
            raise ConfigError(f"scalar tensor '{io['name']}' must have dims [ 1 ], has {want}")
        return
    fits = len(model) == len(want) and all(
        m == w or (m == -1 and not exact) for m, w in zip(model, want))
    if not fits:
        raise ConfigError(f"tensor '{io['name']}': the model expects {len(model)} dimensions (shape {model}) but "
                          f"the model configuration specifies {len(want)} dimensions (shape {want})")
