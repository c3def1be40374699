"""load.py TARGET MODEL CONCURRENCY SECONDS - what bench/client measures of Python's tritonclient: zeros for every input
of batch 1, all outputs, one thread a caller on one client. Prints requests and milliseconds p50 p99."""

import sys
import threading
import time

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import triton_to_np_dtype


def main():
    target, model, concurrency, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    client = triton.InferenceServerClient(target)
    metadata = client.get_model_metadata(model)
    arrays = []
    for t in metadata.inputs:
        shape = [1 if d < 0 else d for d in t.shape]
        dtype = triton_to_np_dtype(t.datatype)
        arrays.append((t.name, t.datatype, np.full(shape, b"", np.object_) if dtype == np.object_ else np.zeros(shape, dtype)))
    names = [t.name for t in metadata.outputs]
    times = [[] for _ in range(concurrency)]
    end = time.perf_counter() + seconds

    def work(mine):
        start = time.perf_counter()
        while start < end:
            inputs = []
            for name, datatype, array in arrays:
                tensor = triton.InferInput(name, list(array.shape), datatype)
                tensor.set_data_from_numpy(array)
                inputs.append(tensor)
            result = client.infer(model, inputs, outputs=[triton.InferRequestedOutput(n) for n in names], client_timeout=10)
            for name in names:
                result.as_numpy(name)
            now = time.perf_counter()
            mine.append(now - start)
            start = now

    threads = [threading.Thread(target=work, args=(mine,)) for mine in times]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    every = sorted(x for mine in times for x in mine)
    print(len(every), 1e3 * every[len(every) // 2], 1e3 * every[min(int(0.99 * len(every)), len(every) - 1)])


if __name__ == "__main__":
    main()
