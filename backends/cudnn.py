"""The flags of cuDNN, which plugrad does not use: they hold what was set and change nothing.

plugrad's convolutions and recurrences are products and kernels of its own, which always compute alike: there is nothing to
choose by measuring (``benchmark``), and nothing that ``deterministic`` would have to rule out.
"""

from .flags import Flag, Held, Precision, hold, set_some, switched

enabled: bool
benchmark: bool
benchmark_limit: int | None
deterministic: bool
allow_tf32: bool
fp32_precision: str
depthwise_kernel: str


class OfOperation:
    """The precision of one kind of operation."""

    fp32_precision = Precision("tf32")


class OfRecurrence:
    """The precision of recurrent layers."""

    fp32_precision = Precision("tf32")


class CudnnFlags:
    """The attributes of this module."""

    enabled = Flag("set_enabled_cudnn", True)
    benchmark = Flag("set_benchmark_cudnn", False)
    benchmark_limit = Held(None)
    deterministic = Flag("set_deterministic_cudnn", False)
    allow_tf32 = Flag("set_allow_tf32_cublas", True)
    fp32_precision = Precision()
    depthwise_kernel = Held("auto")


NAMES = ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32", "fp32_precision", "depthwise_kernel")
conv = OfOperation()
rnn = OfRecurrence()
hold(__name__, CudnnFlags)


def is_available():
    """False: plugrad does not use cuDNN."""
    return False


def version():
    """None: plugrad does not use cuDNN."""
    return None


def is_acceptable(tensor):
    """False: no tensor is given to cuDNN."""
    return False


def set_flags(
    _enabled=None,
    _benchmark=None,
    _benchmark_limit=None,
    _deterministic=None,
    _allow_tf32=None,
    _fp32_precision="none",
    _depthwise_kernel=None,
):
    """Set the flags that are not None; returns all of them as they were."""
    given = (_enabled, _benchmark, _benchmark_limit, _deterministic, _allow_tf32, _fp32_precision, _depthwise_kernel)
    return set_some(__name__, NAMES, given)


def flags(
    enabled=False,
    benchmark=False,
    benchmark_limit=10,
    deterministic=False,
    allow_tf32=True,
    fp32_precision="none",
    depthwise_kernel="auto",
):
    """The flags for a with-block.

    Example:
        >>> from plugrad.backends import cudnn
        >>> with cudnn.flags(enabled=False, benchmark=True):
        ...     cudnn.benchmark
        True
        >>> cudnn.benchmark
        False
    """
    given = (enabled, benchmark, benchmark_limit, deterministic, allow_tf32, fp32_precision, depthwise_kernel)
    return switched(__name__, NAMES, given)


__all__ = ["flags", "is_acceptable", "is_available", "set_flags", "version"]
