"""What a backend is: the hook it answers, the record it returns, and the names its namespace must have."""

from collections.abc import Callable
from dataclasses import dataclass

import pluggy

hookspec = pluggy.HookspecMarker("plugrad")
hookimpl = pluggy.HookimplMarker("plugrad")

API_VERSION = 1

#: The functions and values every backend's namespace has, by their array-API names. ``axis`` is an int, a tuple of
#: ints or None; all arguments are positional; arrays come with equal dtypes and valid axes, as core has seen to both.
REQUIRED = {
    "creation": "from_host to_host empty full arange copy astype",
    "dtypes": "bool uint8 int8 int16 int32 int64 float32 float64",
    "one argument": (
        "negative abs sign exp expm1 log log1p log2 log10 sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh "
        "floor ceil trunc round isfinite isinf isnan logical_not bitwise_invert"
    ),
    "two arguments": (
        "add subtract multiply divide pow maximum minimum atan2 remainder floor_divide equal not_equal less less_equal "
        "greater greater_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor"
    ),
    "selection": "where",
    "reductions": "sum prod max min any all argmax argmin cumulative_sum",
    "products": "matmul",
    "shape": "reshape permute_dims broadcast_to concat flip",
    "indexing": "getitem setitem add_at sort argsort",
    "device": "array_type device_count synchronize",
}

#: Of these, what numpy on the host can stand in for, where the user asks for that: functions of arrays that are there.
ON_THE_HOST = set(
    " ".join(
        REQUIRED[group] for group in ("one argument", "two arguments", "selection", "reductions", "products")
    ).split()
) | {"concat", "flip", "add_at", "sort", "argsort"}


@dataclass(frozen=True)
class BackendSpec:
    """A backend as its plugin announces it: cheap to make, nothing imported yet.

    Attributes:
        name: unique name, ``"numpy"``.
        device_types: the device types it serves, ``("cpu",)``; its first one is the default.
        load: imports the array library and returns the namespace class, a subclass of :class:`Backend`.
        probe: returns None when the backend can be used here, otherwise the reason as a text; must not import the library.
        api_version: the newest version of this interface that the plugin was written for.
        version: returns the array library's version as a text; for reports.
    """

    name: str
    device_types: tuple[str, ...]
    load: Callable
    probe: Callable = lambda: None
    api_version: int = API_VERSION
    version: Callable = lambda: "unknown"


class OutOfMemoryError(RuntimeError):
    """A device has no memory left for an array."""

    __module__ = "plugrad"


class Hooks:
    """The one hook: pluggy calls it once, at the first use of a device."""

    @hookspec
    def plugrad_backends(self):
        """Return the backends this plugin brings, a list of :class:`BackendSpec`."""


def missing_names(namespace_class):
    """Return the required names that a namespace class lacks, in the order of REQUIRED."""
    names = " ".join(REQUIRED.values()).split()
    return [name for name in names if not hasattr(namespace_class, name)]
