"""The other side of a comparison: reads a number of steps a line, does them, and answers with their time."""
import json
import sys
import time


def serve(version, work, check=None):
    """work(n) does n steps and returns the figure that both sides have to agree on; where check is given, that does,
    once and outside the time."""
    print(json.dumps({"version": version}), flush=True)
    figure = None
    for line in sys.stdin:
        forget_peak()
        started = time.perf_counter()
        done = work(int(line))
        seconds, memory = time.perf_counter() - started, peak()
        if check is None:
            figure = done
        elif figure is None:
            figure = check()
        print(json.dumps({"seconds": seconds, "check": figure, "memory": memory}), flush=True)


def forget_peak():
    """Lets the peak of the memory begin anew, at what the process holds."""
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


def peak():
    """The most bytes that the process has held."""
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
