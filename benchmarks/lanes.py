"""The two contestants, and the processes they run in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# A machine's own tuning would decide a comparison; without byte code every import compiles the sources anew.
TUNING_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Lane:
    """A library as it is found with `path` before all others."""

    title: str
    library: str
    path: str | None = None

    def environment(self, threads: int) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in TUNING_VARIABLES}
        environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
        if self.path:
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [self.path, environment.get("PYTHONPATH")]))
        return environment

    def footprint(self, name: str, threads: int) -> dict[str, Any]:
        """The measurement of footprint.py, or its error."""
        command = [sys.executable, "-m", "benchmarks.footprint", self.library, str(threads), name]
        done = subprocess.run(command, cwd=ROOT, env=self.environment(threads), capture_output=True, text=True)
        if done.returncode:
            return {"error": done.stderr.strip().rpartition("\n")[2]}
        return {"seconds": float(done.stdout), "value": None}


class Worker:
    """A fresh worker.py in a lane; a context manager."""

    def __init__(self, lane: Lane, threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", lane.library, str(threads)],
            cwd=ROOT,
            env=lane.environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.about = self.answer()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.stdin.close()
        self.process.wait()

    def run(self, case: str) -> dict[str, Any]:
        self.process.stdin.write(case + "\n")
        return self.answer()

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker has ended with status {self.process.wait()}; its error is above")
        return json.loads(line)


def importable(path: Path, scratch: Path) -> str:
    """The folder to put on PYTHONPATH for the plugrad at `path`: an installation, or a checkout with five folders."""
    if (path / "plugrad" / "__init__.py").exists():
        return str(path)
    package = scratch / "plugrad"
    package.mkdir(parents=True)
    for source in [
        *(path / "src" / "plugrad").iterdir(),
        *(path / name for name in ("core", "backends", "nn", "optim")),
    ]:
        (package / source.name).symlink_to(source.resolve())
    return str(scratch)
