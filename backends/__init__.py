"""Array backends, found through pluggy: entry-point group ``plugrad``."""

if __name__ != "plugrad.backends":
    raise ImportError(f"this folder is the package plugrad.backends: it was imported as {__name__!r}")

from .common import Backend
from .host import host_fallback
from .registry import available_backends, namespace, register, status
from .sources import Ledger, ledger
from .spec import API_VERSION, REQUIRED, BackendSpec, hookimpl, hookspec

__all__ = [
    "API_VERSION",
    "REQUIRED",
    "Backend",
    "BackendSpec",
    "Ledger",
    "available_backends",
    "hookimpl",
    "hookspec",
    "host_fallback",
    "ledger",
    "namespace",
    "register",
    "status",
]
