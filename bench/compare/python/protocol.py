"""The other side of a comparison: reads a number of steps a line, does them, and answers with their time."""
import json
import sys
import time


def serve(version, work):
    """work(n) does n steps and returns the figure that both sides have to agree on."""
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        check = work(int(line))
        print(json.dumps({"seconds": time.perf_counter() - started, "check": check}), flush=True)
