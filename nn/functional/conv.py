"""Convolutions and transposed convolutions over one to three axes, and windows as columns."""

import warnings

from ...core.ops import conv as rows
from ...core.ops import shape as s
from ...core.shapes import rank_of
from ...core.tensor import Tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "fold",
    "unfold",
]

AXES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}


# --- convolution ---
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """out[n, o, i] = bias[o] + Σ_{c, k} weight[o, c, k] · input[n, c, i · stride - padding + k · dilation].

    Args:
        input: (N, C, L) or (C, L).
        weight: (O, C / groups, K).
        bias: (O) or None.
        stride: positions between neighbouring windows.
        padding: zeros on both sides; "valid" is 0, "same" as many as keep L (stride 1 only).
        dilation: positions between neighbouring taps.
        groups: the channels are cut into so many groups, which do not meet.

    Shapes:
        (N, C, L) → (N, O, ⌊(L + 2 · padding - dilation · (K - 1) - 1) / stride⌋ + 1)

    Raises:
        RuntimeError: sizes, dtypes or numbers do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.conv1d(plugrad.arange(4.0).reshape(1, 1, 4), plugrad.ones(1, 1, 2))
        tensor([[[1., 3., 5.]]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of images with a weight; as :func:`conv1d`, over two axes.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C / groups, KH, KW).
        bias: (O) or None.
        stride, padding, dilation: one number, or one per axis; padding may be "same" or "valid".
        groups: the channels are cut into so many groups, which do not meet.

    Raises:
        RuntimeError: sizes, dtypes or numbers do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.conv2d(plugrad.ones(1, 1, 3, 3), plugrad.ones(1, 1, 3, 3), padding=1)
        tensor([[[[4., 6., 4.],
                  [6., 9., 6.],
                  [4., 6., 4.]]]])
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of volumes (N, C, D, H, W) with a weight (O, C / groups, KD, KH, KW); as :func:`conv1d`."""
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


def _convolve(dims, input, weight, bias, stride, padding, dilation, groups):
    given = (input, weight, bias, stride, padding, dilation, groups)
    try:
        rank = len(input._a.shape) - dims
        if rank not in (1, 2):
            raise _wrong_rank(f"conv{dims}d", dims, input)
        tuples = stride.__class__ is padding.__class__ is dilation.__class__ is tuple
        if not tuples or not len(stride) == len(padding) == len(dilation) == len(weight._a.shape) - 2:
            input, stride, padding, dilation = _spelled_out(dims, input, weight, stride, padding, dilation)
        if rank == 2:
            return rows.convolution_(input, weight, bias, stride, padding, dilation, groups)
        batch = s.unsqueeze_(input, 0)
        return _without_batch(rows.convolution_(batch, weight, bias, stride, padding, dilation, groups))
    except (AttributeError, TypeError) as error:
        raise _wrong_kinds(f"conv{dims}d", given, error) from None


def _spelled_out(dims, input, weight, stride, padding, dilation):
    """The input, and stride, padding and dilation as one number per axis."""
    _check_weight(dims, input, weight, padding == "same")
    stride, dilation = numbers("stride", stride, dims, weight), numbers("dilation", dilation, dims, weight)
    if padding.__class__ is str:
        input, padding = _padded(input, weight, stride, padding, dilation, dims)
    return input, stride, numbers("padding", padding, dims, weight), dilation


def _check_weight(dims, input, weight, same=False):
    """Raise where the weight's rank fits no convolution of such an input; else its numbers tell."""
    rank = len(weight._a.shape)
    if rank < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if rank != dims + 2 and (same or dims == 1):
        shape = list(input._a.shape) if input.dim() == dims + 2 else [1, *input._a.shape]
        raise RuntimeError(
            f"Expected {rank}-dimensional input for {rank}-dimensional weight{'' if same else ' '}{list(weight._a.shape)}, but got "
            f"{dims + 2}-dimensional input of size {shape} instead"
        )


def numbers(name, value, dims, weight):
    """One number per axis, as a tuple.

    Raises:
        RuntimeError: there are more or fewer.
        TypeError: not whole numbers.
    """
    if value.__class__ is int:
        value = (value,) * dims
    elif not isinstance(value, (tuple, list)):
        raise TypeError(f"argument '{name}' must be tuple of ints, not {type(value).__name__}")
    for place, n in enumerate(value, 1):
        if not isinstance(n, int):
            raise TypeError(
                f"argument '{name}' failed to unpack the object at pos {place} with error \"type must be tuple of ints,but got "
                f'{type(n).__name__}"'
            )
    wanted = weight.dim() - 2
    if len(value) == 1 and wanted > 0:
        return tuple(value) * wanted
    if len(value) != wanted:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {wanted} values to match the convolution dimensions, but "
            f"got {name}={list(value)}"
        )
    return tuple(value)


def _padded(input, weight, stride, padding, dilation, dims):
    """(input, numbers of padding) of a padding word; where both sides differ, the input is padded by the difference."""
    if padding == "valid":
        return input, (0,) * dims
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any(n != 1 for n in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    if any(n % 2 for n in total):
        warnings.warn(
            "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input be created",
            UserWarning,
            stacklevel=4,
        )
        widths = ((0, 0),) * (input.dim() - dims) + tuple((0, n % 2) for n in total)
        input = s.pad_(input, widths, 0)
    return input, tuple(n // 2 for n in total)


def _without_batch(t):
    return s.squeeze_dim_(t, t._a.shape[1:])


def _wrong_rank(name, dims, input):
    return RuntimeError(
        f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: {list(input.shape)}"
    )


def _wrong_kinds(name, given, error):
    """The error for arguments of a kind that no convolution takes."""
    if "failed to unpack" in str(error):
        return TypeError(f"{name}(): {error}")
    input, weight, bias, *others = given
    tensors = [input, weight] if bias is None else [input, weight, bias]
    if all(isinstance(t, Tensor) for t in tensors) and not isinstance(error, TypeError):
        return error
    options = dict(zip(("stride", "padding", "dilation", "groups"), others, strict=True))
    came = [type(t).__name__ for t in tensors]
    came += [f"{key}={type(v).__name__}" for key, v in options.items() if v != (0 if key == "padding" else 1)]
    before = " * (Tensor input, Tensor weight, Tensor bias = None, tuple of ints stride = 1, "
    after = ", tuple of ints dilation = 1, int groups = 1)"
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({', '.join(came)}), but expected one of:\n"
        f'{before}tuple of ints padding = 0{after}\n{before}str padding = "valid"{after}\n'
    )


# --- transposed convolution ---
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of :func:`conv1d`: every input element adds weight · element to a window of the output.

    Args:
        input: (N, C, L) or (C, L).
        weight: (C, O / groups, K).
        bias: (O) or None.
        stride: output positions between neighbouring windows.
        padding: positions cut off on both sides.
        output_padding: positions added at the end, less than stride or dilation.
        groups: the channels are cut into so many groups, which do not meet.
        dilation: positions between neighbouring taps.

    Shapes:
        (N, C, L) → (N, O, (L - 1) · stride - 2 · padding + dilation · (K - 1) + output_padding + 1)

    Raises:
        RuntimeError: sizes, dtypes or numbers do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.conv_transpose1d(plugrad.ones(1, 1, 3), plugrad.ones(1, 1, 2))
        tensor([[[1., 2., 2., 1.]]])
    """
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of :func:`conv2d`: (N, C, H, W) with a weight (C, O / groups, KH, KW); as :func:`conv_transpose1d`."""
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of :func:`conv3d`: (N, C, D, H, W) with a weight (C, O / groups, KD, KH, KW)."""
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _transposed(dims, input, weight, bias, stride, padding, output_padding, groups, dilation):
    name = f"conv_transpose{dims}d"
    for place, (key, value) in enumerate((("input", input), ("weight", weight), ("bias", bias)), 1):
        if not isinstance(value, Tensor) and not (value is None and key == "bias"):
            raise TypeError(f"{name}(): argument '{key}' (position {place}) must be Tensor, not {type(value).__name__}")
    rank = len(input._a.shape) - dims
    if rank not in (1, 2):
        raise _wrong_rank(name, dims, input)
    if len(weight._a.shape) != dims + 2:
        _check_weight(dims, input, weight)
    given = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    try:
        stride, padding, extra, dilation = (numbers(key, value, dims, weight) for key, value in given.items())
    except TypeError as error:
        raise TypeError(f"{name}(): {error}") from None
    if rank == 1:
        input = s.unsqueeze_(input, 0)
    axes = list(zip(input._a.shape[2:], weight._a.shape[2:], stride, padding, extra, dilation, strict=True))
    size = tuple((n - 1) * t - 2 * p + d * (k - 1) + e + 1 for n, k, t, p, e, d in axes)
    if any(extra):
        _check_output_padding(stride, extra, dilation, dims)
    refusal = rows.number_error(stride, padding, dilation, groups)
    if refusal is None and min(size) < 1:
        refusal = rows.transposed_check(input, weight, bias, size, stride, padding, dilation, groups)
    if refusal is not None:
        raise refusal
    if any(e >= t for _, _, t, _, e, _ in axes):
        out = _extended(input, weight, bias, axes, dilation, groups)
    else:
        out = rows.convolution_transposed_(input, weight, bias, size, stride, padding, dilation, groups)
    return _without_batch(out) if rank == 1 else out


def _extended(input, weight, bias, axes, dilation, groups):
    """Where the output reaches so far that more windows would fit: all that is met, then cut or filled up on both sides."""
    met = tuple((n - 1) * t + d * (k - 1) + 1 for n, k, t, _, _, d in axes)
    stride = tuple(t for _, _, t, _, _, _ in axes)
    widths = ((0, 0), (0, 0), *((-p, e - p) for _, _, _, p, e, _ in axes))
    return rows.convolution_extended_(input, weight, bias, met, widths, stride, dilation, groups)


def _check_output_padding(stride, extra, dilation, dims):
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if all(e < t or e < d for e, t, d in zip(extra, stride, dilation, strict=True)):
        return
    listed = " ".join(
        f"{name}_{axis}: {value}"
        for name, values in (("output_padding", extra), ("stride", stride), ("dilation", dilation))
        for axis, value in zip(AXES[dims], values, strict=True)
    )
    raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {listed}")


# --- windows as columns ---
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of images as columns.

    Shapes:
        (N, C, H, W) → (N, C · KH · KW, windows); (C, H, W) likewise

    Raises:
        RuntimeError: no window fits.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.unfold(plugrad.arange(4.0).reshape(1, 1, 2, 2), 2)
        tensor([[[0.],
                 [1.],
                 [2.],
                 [3.]]])
    """
    kernel, dilation, padding, stride = (_pair(v) for v in (kernel_size, dilation, padding, stride))
    if rank_of(input) not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: "
            f"{list(input.shape)}"
        )
    batch = s.unsqueeze_(input, 0) if input.dim() == 3 else input
    size = batch._a.shape[2:]
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    counts = tuple((n + 2 * p - d * (k - 1) - 1) // t + 1 for n, k, t, p, d in axes)
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(size)}, kernel_size={kernel}, dilation={dilation}, padding={padding}, calculated "
            f"shape of the array of sliding blocks as {counts}, but its components must be at least one."
        )
    columns = rows.unfold_windows(batch, kernel, stride, padding, dilation)
    return _without_batch(columns) if input.dim() == 3 else columns


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns added up to images where their windows lie: the transpose of :func:`unfold`.

    Shapes:
        (N, C · KH · KW, windows) → (N, C, *output_size); (C · KH · KW, windows) likewise

    Raises:
        RuntimeError: the columns are not those of such images.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.fold(plugrad.ones(1, 2, 2), (1, 3), (1, 2))
        tensor([[[[1., 2., 1.]]]])
    """
    size, kernel = _pair(output_size), _pair(kernel_size)
    dilation, padding, stride = (_pair(v) for v in (dilation, padding, stride))
    if rank_of(input) not in (2, 3):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: "
            f"{list(input.shape)}"
        )
    batch = s.unsqueeze_(input, 0) if input.dim() == 2 else input
    _check_columns(batch, size, kernel, dilation, padding, stride)
    images = rows.fold_windows(batch, size, kernel, stride, padding, dilation)
    return _without_batch(images) if input.dim() == 2 else images


def _check_columns(batch, size, kernel, dilation, padding, stride):
    _, depth, count = batch._a.shape
    if depth % (kernel[0] * kernel[1]):
        raise RuntimeError(
            f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={depth} and "
            f"kernel_size={kernel}."
        )
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    high, wide = ((n + 2 * p - d * (k - 1) - 1) // t + 1 for n, k, t, p, d in axes)
    if count != high * wide:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, expected size "
            f"of input's dimension 2 to match the calculated number of sliding blocks {high} * {wide} = {high * wide}, but got "
            f"input.size(2)={count}."
        )


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)
