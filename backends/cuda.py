"""The switches of torch's CUDA libraries.

plugrad has one way for each operation on cuda, so most of them hold what was set and change nothing: products of float32 are
always full float32, attention is one computation.
"""

import warnings
from contextlib import contextmanager

from .attention import Kernels
from .flags import PRECISIONS, is_installed
from .matmul_precision import MatmulPrecision

__all__ = [
    "allow_fp16_bf16_reduction_math_sdp",
    "cudnn_sdp_enabled",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_built",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "sdp_kernel",
]


def is_built():
    """Whether a backend for cuda devices is installed, whether or not there is such a device."""
    return is_installed("cuda")


class Matmul:
    """Settings of products.

    Attributes:
        allow_tf32: whether ``set_float32_matmul_precision`` allows less than "highest"; setting it sets that.
        fp32_precision: holds what was set.
        allow_fp16_reduced_precision_reduction, allow_bf16_reduced_precision_reduction, allow_fp16_accumulation: hold what was set.
    """

    def __init__(self):
        vars(self).update(
            fp32_precision="none",
            allow_fp16_reduced_precision_reduction=True,
            allow_bf16_reduced_precision_reduction=True,
            allow_fp16_accumulation=False,
        )

    def __getattr__(self, name):
        if name == "allow_tf32":
            return MatmulPrecision.name != "highest"
        raise AttributeError(f"Unknown attribute {name}")

    def __setattr__(self, name, value):
        if name == "allow_tf32":
            MatmulPrecision.name = "high" if _bool("set_allow_tf32_cublas", value) else "highest"
        elif name not in vars(self):
            raise AttributeError(f"Unknown attribute {name}")
        else:
            vars(self)[name] = CHECKS[name](name, value)


def _bool(setter, value):
    if not isinstance(value, bool):
        raise RuntimeError(f"{setter} expects a bool, but got {type(value).__name__}")
    return value


def _precision(name, value):
    if value not in PRECISIONS:
        raise RuntimeError(f"Unknown precision: {value}")
    return value


def _reduction(name, value):
    """A bool, or (reduced, split along the inner dimension) of which the second is True unless given."""
    parts = value if isinstance(value, tuple | list) else (value,)
    if not 1 <= len(parts) <= 2 or not all(isinstance(part, bool) for part in parts):
        raise TypeError(f"{name} expects a bool or a tuple/list of bools, but got {type(value)}")
    return parts[0] if len(parts) == 1 or parts[1] else tuple(parts)


CHECKS = {
    "fp32_precision": _precision,
    "allow_fp16_reduced_precision_reduction": _reduction,
    "allow_bf16_reduced_precision_reduction": _reduction,
    "allow_fp16_accumulation": lambda name, value: _bool("set_allow_fp16_accumulation_cublas", value),
}
matmul = Matmul()


# --- attention ---
def flash_sdp_enabled():
    """Whether the flash kernel may be used."""
    return Kernels.flash


def enable_flash_sdp(enabled):
    """Allow the flash kernel; attention is refused only while all kernels are off."""
    Kernels.switch(flash=_bool("set_sdp_use_math", enabled))


def mem_efficient_sdp_enabled():
    """Whether the memory-efficient kernel may be used."""
    return Kernels.efficient


def enable_mem_efficient_sdp(enabled):
    """Allow the memory-efficient kernel; attention is refused only while all kernels are off."""
    Kernels.switch(efficient=_bool("set_sdp_use_math", enabled))


def math_sdp_enabled():
    """Whether the composition of small ops may be used."""
    return Kernels.math


def enable_math_sdp(enabled):
    """Allow the composition of small ops; attention is refused only while all kernels are off."""
    Kernels.switch(math=_bool("set_sdp_use_math", enabled))


def cudnn_sdp_enabled():
    """Whether cuDNN's kernel may be used."""
    return Kernels.cudnn


def enable_cudnn_sdp(enabled):
    """Allow cuDNN's kernel; attention is refused only while all kernels are off."""
    if not isinstance(enabled, bool):
        raise RuntimeError(f"set_sdp_use_cudnn expects a bool, but got {type(enabled).__name__}")
    Kernels.switch(cudnn=enabled)


def fp16_bf16_reduction_math_sdp_allowed():
    """What :func:`allow_fp16_bf16_reduction_math_sdp` set; False at first."""
    return Kernels.reduced


def allow_fp16_bf16_reduction_math_sdp(enabled):
    """Hold whether attention of half precision may add up in it; it adds up in float32 either way."""
    Kernels.reduced = _bool("set_sdp_use_math", enabled)


def is_flash_attention_available():
    """False: there is no kernel of that name."""
    return False


@contextmanager
def _sdp_kernel(enable_flash, enable_math, enable_mem_efficient, enable_cudnn):
    before = Kernels.switch(
        flash=bool(enable_flash),
        math=bool(enable_math),
        efficient=bool(enable_mem_efficient),
        cudnn=bool(enable_cudnn),
    )
    try:
        yield {}
    finally:
        Kernels.switch(**before)


def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """The switches of attention for a with-block; deprecated, see :func:`plugrad.nn.attention.sdpa_kernel`."""
    warnings.warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be removed. Please see "
        "`torch.nn.attention.sdpa_kernel()` for the new context manager, with updated signature.",
        FutureWarning,
        stacklevel=2,
    )
    return _sdp_kernel(enable_flash, enable_math, enable_mem_efficient, enable_cudnn)
