"""What cannot be timed in turns: import time, installed size and peak memory, each in a fresh process of its own.

Started as `python -m benchmarks.footprint LIBRARY THREADS NAME`; writes one number.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

from .cases import CASES


def import_seconds(library: str, threads: int) -> float:
    """import, above what importing numpy takes"""
    importlib.import_module("numpy")
    begin = time.perf_counter()
    importlib.import_module(library)
    return time.perf_counter() - begin


def installed_bytes(library: str, threads: int) -> float:
    """installed size, without what it depends on"""
    folder = Path(importlib.import_module(library).__file__).parent
    return sum(file.stat().st_size for file in all_files(folder))


def all_files(folder: Path):
    """Files below the folder, through links (an editable install is made of them), without compiled Python."""
    for path in folder.iterdir():
        if path.is_dir():
            if path.name != "__pycache__":
                yield from all_files(path)
        else:
            yield path


def peak_after(name: str):
    """A measurement of the peak memory of the whole process after three steps of the case."""

    def peak_bytes(library: str, threads: int) -> float:
        from .worker import load

        t = load(library, threads)
        t.manual_seed(0)
        step, _ = CASES[name](t)
        for _ in range(3):
            step()
        return peak_resident_bytes()

    peak_bytes.__doc__ = f"peak memory: {CASES[name].__doc__}"
    return peak_bytes


def peak_resident_bytes() -> float:
    """The most memory this process ever held; macOS counts bytes, the others kilobytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


FOOTPRINTS = {
    "import_seconds": import_seconds,
    "installed_bytes": installed_bytes,
    "peak_bytes_mlp": peak_after("mlp_mnist"),
    "peak_bytes_graph": peak_after("graph_100k"),
    "peak_bytes_resnet18": peak_after("resnet18_train"),
}


if __name__ == "__main__":
    library, threads, name = sys.argv[1:]
    print(FOOTPRINTS[name](library, int(threads)))
