"""The partial inverse of max pooling: values go back to where the maxima were, zeros elsewhere."""

from ...core import dtypes
from ...core.errors import scalar_name
from ...core.ops import pool as rows
from ...core.ops import shape as s
from ...core.tensor import Tensor
from ...core.watching import watch

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]

ROWS = {2: rows.max_unpool2d_, 3: rows.max_unpool3d_}


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Zeros, ``input`` written at the places ``indices`` that :func:`max_pool1d` found.

    Args:
        input: (N, C, L) or (C, L).
        indices: of the same shape, int64: places in the result's last axis.
        kernel_size, stride, padding: those of the pooling.
        output_size: the last size or all three, less than ``stride`` away from what the others give.

    Shapes:
        (N, C, L) → (N, C, (L - 1) · stride - 2 · padding + kernel_size)

    Raises:
        RuntimeError: shapes do not fit, or an index lies outside.
        ValueError: an ``output_size`` that the pooling cannot have had.
        NotImplementedError: not a floating point dtype.

    Example:
        >>> import plugrad
        >>> F = plugrad.nn.functional
        >>> y, places = F.max_pool1d(plugrad.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True)
        >>> F.max_unpool1d(y, places, 2)
        tensor([[0., 3., 2., 0.]])
    """
    size, _ = _sizes(1, input, kernel_size, stride, padding, output_size)
    size = [*size, 1] if isinstance(size, list) else (*size, 1)
    made = _unpooled(2, s.unsqueeze_(input, input.dim()), s.unsqueeze_(indices, indices.dim()), size)
    return s.squeeze_dim_(made, tuple(made._a.shape[:-1]))


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """As :func:`max_unpool1d`, of images (N, C, H, W) or (C, H, W); the indices count along the rows of an image.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.max_unpool2d(plugrad.tensor([[[5.0]]]), plugrad.tensor([[[3]]]), 2)
        tensor([[[0., 0.],
                 [0., 5.]]])
    """
    size, _ = _sizes(2, input, kernel_size, stride, padding, output_size)
    return _unpooled(2, input, indices, size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """As :func:`max_unpool1d`, of volumes (N, C, D, H, W) or (C, D, H, W)."""
    size, stride = _sizes(3, input, kernel_size, stride, padding, output_size)
    return _unpooled(3, input, indices, size, stride)


def _sizes(dims, input, kernel_size, stride, padding, output_size):
    """(spatial sizes of the result, stride)."""
    kernel, padding = _per_axis(kernel_size, dims), _per_axis(padding, dims)
    stride = kernel if stride is None else _per_axis(stride, dims)
    shape = input.size()
    axes = range(len(kernel))
    usual = [(shape[i - len(kernel)] - 1) * stride[i] + kernel[i] - 2 * padding[i] for i in axes]
    if output_size is None:
        size = usual
    else:
        size = output_size[2:] if len(output_size) == len(kernel) + 2 else output_size
        _check_wanted(size, usual, stride)
    for i in axes:
        if size[i] < 0:
            raise ValueError(
                f"max_unpooling: output_size must contain non-negative spatial dimensions, but got output_size[{i}]={size[i]}"
            )
    return size, stride


def _per_axis(value, dims):
    return tuple(value) if hasattr(value, "__iter__") else (value,) * dims


def _check_wanted(size, usual, stride):
    dims = len(usual)
    if len(size) != dims:
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of '{len(size)}'"
        )
    for i in range(dims):
        low, high = usual[i] - stride[i], usual[i] + stride[i]
        if not low < size[i] < high:
            raise ValueError(f'invalid output_size "{size}" (dim {i} must be between {low} and {high})')


def _unpooled(dims, input, indices, size, stride=(1,)):
    error = _kind_error(dims, input, indices, size) or _error(dims, input, indices, size, stride)
    if error is not None:
        raise error
    if 0 in size:
        return input.new_zeros((*input._a.shape[:-dims], *size))
    flat = indices.flatten(input.dim() - dims)
    return watch(ROWS[dims](input, flat._a, tuple(size)), indices)


def _kind_error(dims, input, indices, size):
    name = f"max_unpool{dims}d"
    for place, (key, value) in enumerate((("input", input), ("indices", indices)), 1):
        if not isinstance(value, Tensor):
            return TypeError(
                f"{name}(): argument '{key}' (position {place}) must be Tensor, not {type(value).__name__}"
            )
    for place, n in enumerate(size):
        if not isinstance(n, int):
            return TypeError(
                f"{name}(): argument 'output_size' (position 3) must be tuple of ints, but found element of type "
                f"{type(n).__name__} at pos {place}"
            )
    return None


def _error(dims, input, indices, size, stride):
    shape, rank = list(input._a.shape), input.dim()
    if indices.dtype is not dtypes.int64:
        came = "" if dims == 3 else f" but got: {scalar_name(indices.dtype)}"
        return RuntimeError(f"elements in indices should be type int64{came}")
    if rank - dims not in (1, 2):
        return RuntimeError(
            f"Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with {rank} dimensions."
        )
    if len(size) != dims:
        return RuntimeError(
            f"There should be exactly {'two' if dims == 2 else 'three'} elements "
            f"({'height, width' if dims == 2 else 'depth, height, width'}) in output_size, but got {len(size)} elements."
        )
    if min(stride) <= 0:
        return RuntimeError(f"strides should be greater than zero, but got stride: {list(stride)}")
    if indices._a.shape != input._a.shape:
        return RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({shape}) but got indices tensor with shape: "
            f"{list(indices._a.shape)}"
        )
    for i in range(1 if rank == dims + 2 else 0, rank):
        if shape[i] == 0:
            return RuntimeError(
                f"max_unpooling{dims}d_forward_out_cpu(): Expected input to have non-zero size for non-batch dimensions, but got "
                f"{shape} with dimension {i} being empty."
            )
    if input.dtype.kind != dtypes.FLOAT:
        return NotImplementedError(f"\"max_unpool{dims}d\" not implemented for '{scalar_name(input.dtype)}'")
    return _outside(input._xp, indices._a, size)


def _outside(xp, places, size):
    """The error for an index that lies outside; looked for only where values are at hand."""
    count = 1
    for n in size:
        count *= n
    if count == 0 or not xp.outside(places, count):
        return None
    host = xp.to_host(places).reshape(-1)
    found = next(int(n) for n in host if not 0 <= n < count)
    return RuntimeError(f"Found an invalid max index: {found} (output volumes are of size {'x'.join(map(str, size))})")
