"""script.py GRPC HTTP - asks a server with Python's tritonclient over both protocols and prints what it got as JSON: [[call, value], ...]."""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from google.protobuf.json_format import MessageToDict
from tritonclient.utils import InferenceServerException

ARRAYS = {
    "bool": np.array([[True, False]]),
    "uint8": np.array([[0, 255]], np.uint8),
    "uint16": np.array([[0, 65535]], np.uint16),
    "uint32": np.array([[0, 4294967295]], np.uint32),
    "uint64": np.array([[0, 18446744073709551615]], np.uint64),
    "int8": np.array([[-128, 127]], np.int8),
    "int16": np.array([[-32768, 32767]], np.int16),
    "int32": np.array([[-2147483648, 2147483647]], np.int32),
    "int64": np.array([[-9223372036854775808, 9223372036854775807]], np.int64),
    "float16": np.array([[0.5, -np.inf]], np.float16),
    "float32": np.array([[0.1, np.nan]], np.float32),
    "float64": np.array([[0.1, np.inf]], np.float64),
    "string": np.array([["", "naïve 日本"]], np.object_),
}
DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "int8": "INT8", "int16": "INT16",
    "int32": "INT32", "int64": "INT64", "float16": "FP16", "float32": "FP32", "float64": "FP64", "string": "BYTES",
}
CONFIG = json.dumps({
    "backend": "onnxruntime", "max_batch_size": 2, "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [3]}],
    "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [3]}], "instance_group": [{"kind": "KIND_CPU", "count": 1}],
    "version_policy": {"all": {}},
})
transcript = []


def plain(value):
    """JSON of what the clients return."""
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), [plain(v) for v in value.ravel()]]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.generic):
        return repr(value.item())
    if hasattr(value, "DESCRIPTOR"):
        return MessageToDict(value, preserving_proto_field_name=True)
    return value


def note(call, do):
    try:
        value = plain(do())
    except InferenceServerException as error:
        value = {"code": error.status(), "message": error.message()}
    transcript.append([call, value])


def tensor(module, name, array, datatype, **form):
    t = module.InferInput(name, list(array.shape), datatype)
    t.set_data_from_numpy(array, **form)
    return t


def outputs_of(result, names):
    return {name: plain(result.as_numpy(name)) for name in names}


def common(kind, module, client):
    """What both protocols have."""
    x = np.array([[1, 2, 3]], np.float32)

    def infer(model, names, array=x, **options):
        return outputs_of(client.infer(model, [tensor(module, "x", array, "FP32")], **options), names)

    note(f"{kind}: live", client.is_server_live)
    note(f"{kind}: model ready", lambda: client.is_model_ready("add"))
    note(f"{kind}: version ready", lambda: client.is_model_ready("add", "3"))
    note(f"{kind}: version not ready", lambda: client.is_model_ready("add", "2"))
    note(f"{kind}: nobody ready", lambda: client.is_model_ready("nobody"))
    note(f"{kind}: metadata", lambda: client.get_model_metadata("identity"))
    note(f"{kind}: metadata of nobody", lambda: client.get_model_metadata("nobody"))
    note(f"{kind}: config", lambda: client.get_model_config("square"))
    note(f"{kind}: index", client.get_model_repository_index)
    note(f"{kind}: infer", lambda: infer("latest", ["y"]))
    note(f"{kind}: infer a version", lambda: infer("latest", ["y"], model_version="2"))
    note(f"{kind}: infer an ensemble", lambda: infer("square", ["doubled", "squared"]))
    note(f"{kind}: infer one output", lambda: infer("square", ["squared"], outputs=[module.InferRequestedOutput("squared")]))
    note(f"{kind}: infer with parameters", lambda: infer("latest", ["y"], request_id="7", priority=1, timeout=1000000, parameters={"tenant": "shop", "n": 3}))
    note(f"{kind}: infer nobody", lambda: infer("nobody", ["y"]))
    note(f"{kind}: infer an unserved version", lambda: infer("latest", ["y"], model_version="7"))
    note(f"{kind}: infer a wrong shape", lambda: infer("latest", ["y"], np.zeros((1, 4), np.float32)))
    note(f"{kind}: infer a large batch", lambda: infer("latest", ["y"], np.zeros((5, 3), np.float32)))
    note(f"{kind}: infer nothing", lambda: infer("all", ["y"], np.zeros((0, 3), np.float32)))
    note(f"{kind}: infer a wrong type", lambda: client.infer("latest", [tensor(module, "x", np.zeros((1, 3), np.int32), "INT32")]))
    note(f"{kind}: infer a wrong name", lambda: client.infer("latest", [tensor(module, "w", x, "FP32")]))
    note(f"{kind}: infer an unknown output", lambda: infer("latest", [], outputs=[module.InferRequestedOutput("z")]))
    note(f"{kind}: infer every type", lambda: outputs_of(client.infer(
        "identity", [tensor(module, "x_" + t, a, DATATYPES[t]) for t, a in ARRAYS.items()]), ["y_" + t for t in ARRAYS]))
    note(f"{kind}: large", lambda: float(client.infer(
        "all", [tensor(module, "x", np.ones((500000, 3), np.float32), "FP32")]).as_numpy("y").sum()))
    note(f"{kind}: load", lambda: client.load_model("cold"))
    note(f"{kind}: infer what was loaded", lambda: infer("cold", ["y"]))
    note(f"{kind}: load with a configuration", lambda: client.load_model("cold", config=CONFIG))
    note(f"{kind}: infer a version of it", lambda: infer("cold", ["y"], model_version="1"))
    with open(sys.argv[3], "rb") as f:
        model = f.read()
    note(f"{kind}: load files", lambda: client.load_model("cold", config=CONFIG, files={"file:4/model.onnx": model}))
    note(f"{kind}: infer files", lambda: infer("cold", ["y"], model_version="4"))
    note(f"{kind}: unload", lambda: client.unload_model("cold"))
    note(f"{kind}: infer what was unloaded", lambda: infer("cold", ["y"]))
    note(f"{kind}: load nobody", lambda: client.load_model("nobody"))


def http_only(client):
    x = np.array([[1, 2, 3]], np.float32)
    for name, binary_in, binary_out in [("JSON", False, False), ("binary in", True, False), ("binary out", False, True)]:
        note(f"python http: {name}", lambda i=binary_in, o=binary_out: outputs_of(client.infer(
            "add", [tensor(over_http, n, x, "FP32", binary_data=i) for n in "ab"],
            outputs=[over_http.InferRequestedOutput(n, binary_data=o) for n in ("sum", "product")]), ["sum", "product"]))
    for algorithm in ("gzip", "deflate"):
        note(f"python http: {algorithm}", lambda a=algorithm: outputs_of(client.infer(
            "latest", [tensor(over_http, "x", x, "FP32")], request_compression_algorithm=a, response_compression_algorithm=a), ["y"]))
    note("python http: strings in JSON", lambda: outputs_of(client.infer(
        "identity", [tensor(over_http, "x_" + t, a, DATATYPES[t], binary_data=t != "string") for t, a in ARRAYS.items()],
        outputs=[over_http.InferRequestedOutput("y_string", binary_data=False)]), ["y_string"]))


def grpc_only(client):
    x = np.array([[1, 2, 3]], np.float32)
    for algorithm in ("gzip", "deflate"):
        note(f"python grpc: {algorithm}", lambda a=algorithm: outputs_of(client.infer(
            "latest", [tensor(over_grpc, "x", x, "FP32")], compression_algorithm=a), ["y"]))
    note("python grpc: client timeout", lambda: outputs_of(client.infer(
        "latest", [tensor(over_grpc, "x", x, "FP32")], client_timeout=30), ["y"]))
    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    for model in ("latest", "nobody", "square"):
        client.async_stream_infer(model, [tensor(over_grpc, "x", x, "FP32")], request_id=model)
        result, error = answers.get(timeout=30)
        note(f"python grpc: stream {model}", lambda r=result, e=error: {"message": str(e)} if e else plain(r.get_response()))
    client.stop_stream()


def main():
    grpc_client = over_grpc.InferenceServerClient(sys.argv[1])
    http_client = over_http.InferenceServerClient(sys.argv[2], network_timeout=60, connection_timeout=60)
    common("python grpc", over_grpc, grpc_client)
    grpc_only(grpc_client)
    common("python http", over_http, http_client)
    http_only(http_client)
    http_client.close()
    grpc_client.close()
    json.dump(transcript, sys.stdout)


if __name__ == "__main__":
    main()
