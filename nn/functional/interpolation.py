"""Signals, images and volumes in another size."""

import math
import operator
import warnings

from ...core.ops.resample import RESAMPLE
from ...core.resampling import axis_table
from ...core.tensor import Tensor
from .interpolation_errors import (
    antialias_error,
    argument_error,
    dtype_error,
    factor_error,
    mode_error,
    rank_error,
    scale_count_error,
    size_count_error,
    size_error,
    size_kind_error,
)
from .pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

#: By mode and number of axes: torch's name of the function, and the kind of table.
KINDS = {
    ("nearest", 1): ("upsample_nearest1d", "nearest"),
    ("nearest", 2): ("upsample_nearest2d", "nearest"),
    ("nearest", 3): ("upsample_nearest3d", "nearest"),
    ("nearest-exact", 1): ("_upsample_nearest_exact1d", "nearest-exact"),
    ("nearest-exact", 2): ("_upsample_nearest_exact2d", "nearest-exact"),
    ("nearest-exact", 3): ("_upsample_nearest_exact3d", "nearest-exact"),
    ("linear", 1): ("upsample_linear1d", "linear"),
    ("bilinear", 2): ("upsample_bilinear2d", "linear"),
    ("trilinear", 3): ("upsample_trilinear3d", "linear"),
    ("bicubic", 2): ("upsample_bicubic2d", "cubic"),
}
ANTIALIASED = {
    "bilinear": ("_upsample_bilinear2d_aa", "linear-antialias"),
    "bicubic": ("_upsample_bicubic2d_aa", "cubic-antialias"),
    "lanczos": ("_upsample_lanczos2d_aa", "lanczos-antialias"),
}
AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
UNALIGNED = ("nearest", "nearest-exact", "area")
PRECISIONS = {"float64": "float64", "uint8": "uint8"}  # others: float32


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """The input in another size: each output is a weighted mean of the elements around its place in the input.

    Output o of an axis of n elements, resampled to m, lies at (o + ½) · n / m - ½ in the input; with ``align_corners`` at
    o · (n - 1) / (m - 1), so that first and last elements keep their places. Scale factors that were given stand for m / n.

    Args:
        input: (N, C, *S) with one to three axes S.
        size: the new sizes, one number for all axes or one for each.
        scale_factor: instead of the sizes, what they are multiplied by.
        mode: ``nearest``, ``nearest-exact`` and ``area`` for any number of axes, ``linear`` for one, ``bilinear``, ``bicubic``
            and ``lanczos`` for two, ``trilinear`` for three. ``nearest`` rounds down and is there for old programs;
            ``nearest-exact`` takes the element whose centre is nearest; ``area`` is adaptive average pooling.
        align_corners: not for nearest and area.
        recompute_scale_factor: take m / n from the rounded sizes, also where scale factors were given.
        antialias: for bilinear, bicubic and lanczos, the last of which needs it: the filter is as wide as an output, so that
            a smaller image has no patterns that the large one has not.

    Shapes:
        (N, C, *S) → (N, C, *size)

    Raises:
        ValueError: arguments that do not go together.
        RuntimeError: sizes that are not positive, no channels.
        NotImplementedError: a mode for another number of axes, or a dtype that it does not take; uint8 is taken by nearest,
            bilinear, bicubic and lanczos.

    Source:
        Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981; a is -¾, with ``antialias`` -½.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([[[0.0, 4.0]]])
        >>> plugrad.nn.functional.interpolate(x, size=4)
        tensor([[[0., 0., 4., 4.]]])
        >>> plugrad.nn.functional.interpolate(x, scale_factor=2, mode="linear")
        tensor([[[0., 1., 3., 4.]]])
    """
    if mode in UNALIGNED:
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    dims = input.dim() - 2
    sizes, scales = _requested(input, dims, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if sizes is None and (recompute_scale_factor or mode == "area"):
        sizes = [int(n * scale) for n, scale in zip(input.shape[2:], scales, strict=True)]
        scales = None
    if antialias and (mode not in ANTIALIASED or dims != 2):
        raise antialias_error()
    if mode == "area" and dims in AREA:
        return AREA[dims](input, sizes)
    return _resampled(input, mode, dims, sizes, scales, align_corners, antialias)


def _requested(input, dims, size, scale_factor):
    """(sizes, None) or (None, scales), one for each axis."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if not isinstance(size, (list, tuple)):
            return [size] * dims, None
        if len(size) != dims:
            raise size_count_error(input, size)
        if not all(_is_whole(n) for n in size):
            raise size_kind_error(size)
        return size, None
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if not isinstance(scale_factor, (list, tuple)):
        return None, [scale_factor] * dims
    if len(scale_factor) != dims:
        raise scale_count_error(input, scale_factor)
    return None, scale_factor


def _is_whole(n):
    return hasattr(n, "__index__")


def _resampled(input, mode, dims, sizes, scales, align_corners, antialias):
    name, kind = ANTIALIASED[mode] if antialias else KINDS.get((mode, dims), (None, None))
    if name is None:
        raise mode_error(mode, dims, align_corners)
    if mode == "lanczos" and align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    made, factors = _numbers(name, input, sizes, scales, align_corners)
    shape = input._a.shape
    if min(made) <= 0 or 0 in shape[1:]:
        raise size_error(shape, made) or rank_error(shape)
    if not _takes(input, mode) or (antialias and input.dtype.itemsize == 2 and tuple(made) != tuple(shape[2:])):
        raise dtype_error(kind, input)
    precision = PRECISIONS.get(input.dtype.name, "float32")
    axes = zip(shape[2:], made, factors, strict=True)
    return RESAMPLE[name](input, tuple(axis_table(kind, *axis, bool(align_corners), precision) for axis in axes))


def _takes(input, mode):
    if input.dtype.name == "uint8":
        return mode not in ("linear", "trilinear")
    return input.dtype.kind == 2


def _numbers(name, input, sizes, scales, align_corners):
    """(the new sizes, the factors that the user gave or None), as numbers."""
    given = scales if sizes is None else sizes
    right = align_corners is None or align_corners.__class__ is bool
    if not right or not (_is_factor if sizes is None else _is_size)(given[0]):
        raise argument_error(name, sizes, scales, align_corners)
    if sizes is not None:
        return [operator.index(n) for n in sizes], [None] * len(sizes)
    for place, scale in enumerate(scales, 1):
        if not hasattr(scale, "__float__"):
            raise factor_error(name, scale, place)
    factors = [float(scale) for scale in scales]
    if not all(map(math.isfinite, factors)):
        raise RuntimeError("value cannot be converted to type int64_t without overflow")
    return [int(n * factor) for n, factor in zip(input._a.shape[2:], factors, strict=True)], factors


def _is_factor(scale):
    return hasattr(scale, "__float__") and not isinstance(scale, Tensor)


def _is_size(n):
    if isinstance(n, Tensor):
        return not n.is_floating_point()
    return _is_whole(n) and not isinstance(n, bool)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The old name of :func:`interpolate`.

    Example:
        >>> import warnings, plugrad
        >>> with warnings.catch_warnings(action="ignore"):
        ...     plugrad.nn.functional.upsample(plugrad.tensor([[[1.0, 2.0]]]), 3)
        tensor([[[1., 1., 2.]]])
    """
    _warn("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """:func:`interpolate` with ``mode="nearest"``; an old name.

    Example:
        >>> import warnings, plugrad
        >>> with warnings.catch_warnings(action="ignore"):
        ...     plugrad.nn.functional.upsample_nearest(plugrad.tensor([[[1.0, 2.0]]]), 3)
        tensor([[[1., 1., 2.]]])
    """
    _warn("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """:func:`interpolate` with ``mode="bilinear"`` and ``align_corners=True``; an old name.

    Example:
        >>> import warnings, plugrad
        >>> with warnings.catch_warnings(action="ignore"):
        ...     plugrad.nn.functional.upsample_bilinear(plugrad.tensor([[[[1.0, 2.0]]]]), (1, 3))
        tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """
    _warn("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn(name):
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning, stacklevel=3
    )
