"""Array backends, found through pluggy: entry-point group ``plugrad``."""

if __name__ != "plugrad.backends":
    raise ImportError(f"this folder is the package plugrad.backends: it was imported as {__name__!r}")

from typing import TYPE_CHECKING

from .common import Backend
from .host import host_fallback
from .registry import available_backends, namespace, register, status
from .sources import Ledger, ledger
from .spec import API_VERSION, REQUIRED, BackendSpec, hookimpl, hookspec

if TYPE_CHECKING:
    from . import cpu, cuda, cudnn, mha, mkl, mkldnn, mps, openmp

if not TYPE_CHECKING:  # a type checker would take every name for known

    def __getattr__(name):
        if name in ("cpu", "cuda", "cudnn", "mha", "mkl", "mkldnn", "mps", "openmp"):  # imported when first asked for
            import importlib

            return importlib.import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "API_VERSION",
    "REQUIRED",
    "Backend",
    "BackendSpec",
    "Ledger",
    "available_backends",
    "cpu",
    "cuda",
    "cudnn",
    "hookimpl",
    "hookspec",
    "host_fallback",
    "ledger",
    "mha",
    "mkl",
    "mkldnn",
    "mps",
    "namespace",
    "openmp",
    "register",
    "status",
]
