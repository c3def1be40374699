"""infer.py ADDRESS - asks a server for the shop with Python's tritonclient and prints what it said as JSON."""

import json
import sys

import numpy as np
import tritonclient.grpc as triton


def tensor(name, datatype, array):
    t = triton.InferInput(name, array.shape, datatype)
    t.set_data_from_numpy(array)
    return t


def main():
    client = triton.InferenceServerClient(sys.argv[1])
    inputs = [
        tensor("user_id", "INT64", np.array([[100], [101], [7]], np.int64)),
        tensor("likes", "INT64", np.array([[1, 2, 3], [0, 0, 0], [4, 5, 6]], np.int64)),
        tensor("blocked", "UINT8", np.array([[0, 0], [40, 1], [255, 255]], np.uint8)),
    ]
    names = ["item_ids", "scores", "explain_candidates"]
    result = client.infer("shop", inputs, outputs=[triton.InferRequestedOutput(n) for n in names], request_id="r1")
    answer = result.get_response()
    try:
        client.infer("shop", inputs[:1])
        error = ""
    except triton.InferenceServerException as e:
        error = e.status()
    metadata = client.get_model_metadata("shop", as_json=True)
    config = client.get_model_config("shop_prep", as_json=True)["config"]
    json.dump({
        "live": client.is_server_live() and client.is_server_ready(),
        "ready": [client.is_model_ready("shop"), client.is_model_ready("shop", "1"), client.is_model_ready("none")],
        "version": answer.model_version,
        "id": answer.id,
        "item_ids": [[s.decode() for s in row] for row in result.as_numpy("item_ids")],
        "scores": [repr(float(s)) for s in result.as_numpy("scores").reshape(-1)],
        "candidates": result.as_numpy("explain_candidates").tolist(),
        "error": error,
        "inputs": [[t["name"], t["datatype"], t["shape"]] for t in metadata["inputs"]],
        "platform": metadata["platform"],
        "batch": config["max_batch_size"],
        "index": sorted(m.name for m in client.get_model_repository_index().models),
        "count": client.get_inference_statistics("shop", as_json=True)["model_stats"][0]["inference_count"],
    }, sys.stdout)


if __name__ == "__main__":
    main()
