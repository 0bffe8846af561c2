"""The child process: times one case after the other in one library, as the parent asks for them.

Started as `python -m benchmarks.worker LIBRARY THREADS`. It first writes a line about itself, then answers each line
of its input, the name of a case, by a line of JSON: the seconds of one step and its value, or the error.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

from .cases import CASES, Step

MOST_SAMPLES = 7
ENOUGH_SECONDS = 1.0


def load(library: str, threads: int) -> Any:
    t = importlib.import_module(library)
    if hasattr(t, "set_num_threads"):
        t.set_num_threads(threads)
    return t


def run_case(t: Any, name: str) -> dict[str, Any]:
    try:
        t.manual_seed(0)
        step, repeats = CASES[name](t)
        value = as_number(step())
        return {"seconds": best_seconds(step, repeats), "value": value}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        gc.collect()


def best_seconds(step: Step, repeats: int) -> float:
    """Seconds of one step: the best of several samples, since all noise makes a sample slower."""
    sample_seconds(step, repeats)
    samples, begin = [], time.perf_counter()
    while len(samples) < 2 or (len(samples) < MOST_SAMPLES and time.perf_counter() - begin < ENOUGH_SECONDS):
        samples.append(sample_seconds(step, repeats))
    return min(samples)


def sample_seconds(step: Step, repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - begin) / repeats


def as_number(value: Any) -> float:
    """One number for the whole result, such that no two elements cancel."""
    return value if isinstance(value, float) else value.detach().abs().double().sum().item()


def main(library: str, threads: int) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    t = load(library, threads)
    answers.write(
        json.dumps({"version": str(t.__version__), "numpy": importlib.import_module("numpy").__version__}) + "\n"
    )
    for line in sys.stdin:
        answers.write(json.dumps(run_case(t, line.strip())) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
