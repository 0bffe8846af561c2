"""Max pooling over windows whose places are drawn."""

from ...core import dtypes
from ...core.ops import pool as rows
from ...core.ops.sampling import rand
from ...core.tensor import Tensor
from .pool_errors import first, not_implemented

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]

ROWS = {2: rows.fractional_max_pool2d_, 3: rows.fractional_max_pool3d_}
SIDES = {2: ("height", "width"), 3: ("time", "height", "width")}


def fractional_max_pool2d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """The maxima of windows of images whose steps, one or two numbers near (S - kernel) / (count - 1), are drawn.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: the size of a window, one number or one per axis.
        output_size: how many windows, one number or one per axis.
        output_ratio: instead of it the share of the input's sizes, a pair.
        return_indices: return the places of the maxima as well.
        _random_samples: (N, C, 2) numbers from [0, 1) instead of drawn ones: where the windows of an axis begin.

    Shapes:
        (N, C, H, W) → (N, C, *output_size)

    Raises:
        ValueError: neither output_size nor output_ratio.
        RuntimeError: the windows do not fit, or shapes or dtypes.
        NotImplementedError: not a floating point dtype.

    Source: Graham, Fractional Max-Pooling, 2014.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.nn.functional.fractional_max_pool2d(plugrad.arange(16.0).reshape(1, 4, 4), 2, output_size=2)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
    """
    made = _pool(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return made if return_indices else made[0]


def fractional_max_pool2d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """As :func:`fractional_max_pool2d` with ``return_indices=True``."""
    return _pool(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """As :func:`fractional_max_pool2d`, of volumes (N, C, D, H, W) or (C, D, H, W)."""
    made = _pool(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return made if return_indices else made[0]


def fractional_max_pool3d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """As :func:`fractional_max_pool3d` with ``return_indices=True``."""
    return _pool(3, input, kernel_size, output_size, output_ratio, _random_samples)


def _pool(dims, input, kernel_size, output_size, output_ratio, samples):
    if output_size is None:
        output_size = _size_of_ratio(dims, input, output_ratio)
    if samples is None:
        images = 1 if input.dim() == dims + 1 else input.size(0)
        samples = rand(images, input.size(-dims - 1), dims, dtype=input.dtype, device=input.device)
    error = _error(dims, input, kernel_size, output_size, samples)
    if error is not None:
        raise error
    kernel, size = _per_axis(kernel_size, dims), _per_axis(output_size, dims)
    images = 0 if input.dim() == dims + 1 else slice(0, input.size(0))
    return ROWS[dims](input, samples[images]._a, kernel, size)


def _size_of_ratio(dims, input, ratio):
    name = f"fractional_max_pool{dims}d"
    if ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if dims == 2 and len(ratio) > 2:
        raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
    share = tuple(ratio) if hasattr(ratio, "__iter__") else (ratio,) * dims
    return [int(input.size(i - dims) * share[i]) for i in range(dims)]


def _per_axis(value, dims):
    return (value,) * dims if isinstance(value, int) else tuple(value)


def _error(dims, input, kernel_size, output_size, samples):
    name = f"fractional_max_pool{dims}d"
    for place, key, value in ((2, "kernel_size", kernel_size), (3, "output_size", output_size)):
        if not isinstance(value, (int, tuple, list)):
            return TypeError(
                f"{name}(): argument '{key}' (position {place}) must be tuple of ints, not {type(value).__name__}"
            )
    if not isinstance(samples, Tensor):
        return TypeError(
            f"{name}(): argument 'random_samples' (position 4) must be Tensor, not {type(samples).__name__}"
        )
    for key, value in (("kernel_size", kernel_size), ("output_size", output_size)):
        if not isinstance(value, int) and len(value) != dims:
            return RuntimeError(
                f"{name}: {key} must either be a single Int or tuple of {'three ' if dims == 3 else ''}Ints"
            )
    kernel, size = _per_axis(kernel_size, dims), _per_axis(output_size, dims)
    called = name + ("_out" if dims == 3 else "")
    return first(
        lambda: _shape_error(dims, called, list(input.shape)),
        lambda: _fit_error(dims, called, input.shape[-dims:], kernel, size),
        lambda: _sample_error(dims, input, samples),
        lambda: not_implemented(f"{name}_out_frame", input) if input.dtype.kind != dtypes.FLOAT else None,
    )


def _shape_error(dims, called, shape):
    rank = len(shape)
    if rank - dims not in (1, 2):
        return RuntimeError(f"{called}(): Expected {dims + 1}D or {dims + 2}D tensor, but got: {shape}")
    for i in range(rank - dims - 1, rank):
        if shape[i] == 0:
            return RuntimeError(
                f"{called}(): Expected input to have non-zero size for non-batch dimensions, but got{shape} with dimension {i} "
                "being empty."
            )
    return None


def _fit_error(dims, called, shape, kernel, size):
    for side, n, k, count in zip(SIDES[dims], shape, kernel, size, strict=True):
        if k < 1:
            return RuntimeError(f"{called}(): kernel size should be greater than zero, but got {k}")
        if count + k - 1 > n - (dims - 2):
            return RuntimeError(f"{called}(): pool {side} {k} too large relative to input {side} {n}")
    if min(size) < 0:
        return RuntimeError(f"{called}(): output size should not be negative, but got {list(size)}")
    return None


def _sample_error(dims, input, samples):
    shape = samples.shape
    if samples.dtype is not input.dtype:
        return RuntimeError("Expect _random_samples to have the same dtype as input")
    if len(shape) != 3:
        return RuntimeError(f"Expect _random_samples to have 3 dimensions, got {len(shape)}")
    if shape[0] < (1 if input.dim() == dims + 1 else input.size(0)):
        return RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if shape[1] != input.size(-dims - 1):
        return RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if shape[2] != dims:
        return RuntimeError(f"Expect _random_samples.size(2) equals to {dims}; got {shape[2]}.")
    return None
