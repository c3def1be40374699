"""Makes the calls that stdin lists with Python's HTTP client and prints what it got.

Usage: python http_calls.py HOST:PORT < calls.json
"""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import (
    InferenceServerException,
    deserialize_bytes_tensor,
    serialize_byte_tensor,
    triton_to_np_dtype,
)


def array(dtype, shape, raw):
    """Returns raw contents as numpy has them."""
    if dtype == "BYTES":
        values = deserialize_bytes_tensor(raw)
        return np.array(values, dtype=np.object_).reshape(shape)
    return np.frombuffer(raw, dtype=triton_to_np_dtype(dtype)).reshape(shape)


def contents(dtype, values):
    """Undoes array."""
    if dtype == "BYTES":
        packed = serialize_byte_tensor(values.astype(np.object_))
        return packed.item() if packed.size else b""
    return np.ascontiguousarray(values).tobytes()


def call(client, c):
    inputs = []
    for t in c["inputs"]:
        tensor = triton.InferInput(t["name"], t["shape"], t["datatype"])
        tensor.set_data_from_numpy(array(t["datatype"], t["shape"], bytes.fromhex(t["raw"])), binary_data=c["binary"])
        inputs.append(tensor)
    outputs = [triton.InferRequestedOutput(name, binary_data=c["binary"]) for name in c["outputs"]]
    try:
        result = client.infer(
            c["model"],
            inputs,
            model_version=c["version"],
            outputs=outputs,
            request_id=c["id"],
            priority=c["priority"],
            parameters=c["parameters"] or None,
            request_compression_algorithm=c["compression"] or None,
            response_compression_algorithm=c["compression"] or None,
        )
    except InferenceServerException as e:
        return {"status": e.status(), "message": e.message()}
    answer = result.get_response()
    out = {"model": answer["model_name"], "version": answer["model_version"], "id": answer.get("id", ""), "outputs": []}
    for name in c["outputs"]:
        described = result.get_output(name)
        out["outputs"].append(
            {
                "name": name,
                "datatype": described["datatype"],
                "shape": described["shape"],
                "raw": contents(described["datatype"], result.as_numpy(name)).hex(),
            }
        )
    return out


client = triton.InferenceServerClient(sys.argv[1])
print(json.dumps([call(client, c) for c in json.load(sys.stdin)]))
