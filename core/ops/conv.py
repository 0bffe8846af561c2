"""Convolutions over any number of spatial axes.

x is (N, C, *S), weight (O, C / groups, *K), the output (N, O, *windows). The three products of these, the convolution, its
gradient for x (the transposed convolution) and its gradient for the weight, are each other's gradients.
"""

from ..compile import bilinear, general, linear
from ..dtypes import bool_ as BOOL
from ..errors import c_name, scalar_name


# --- torch's error texts ---
def bias_dtype_error(x, bias):
    if bias is None or bias.dtype is x.dtype:
        return None
    return RuntimeError(f"Input type ({c_name(x.dtype)}) and bias type ({c_name(bias.dtype)}) should be the same")


def dtype_error(x, weight, transposed):
    if weight.dtype is not x.dtype:
        return RuntimeError(f"expected scalar type {scalar_name(x.dtype)} but found {scalar_name(weight.dtype)}")
    if x.dtype is not BOOL:
        return None
    dims = x.dim() - 2
    name = "compute_columns3d" if dims == 3 else "slow_conv2d_cpu"
    if transposed:
        name = f"slow_conv_transpose{max(dims, 2)}d_out_cpu"
    return NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


def bias_error(given, weight, bias, count):
    if bias is None or tuple(bias.shape) == (count,):
        return None
    return RuntimeError(
        f"Given {given}weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {count} elements, but got bias of "
        f"size {list(bias.shape)} instead"
    )


def number_error(stride, padding, dilation, groups):
    """Why the numbers make no convolution, or None."""
    if min(padding) < 0:
        return RuntimeError("negative padding is not supported")
    if min(stride) <= 0:
        return RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        came = f", but got {list(dilation)}" if min(dilation) == 0 else ""
        return RuntimeError(f"dilation should be greater than zero{came}")
    return RuntimeError("non-positive groups is not supported") if groups <= 0 else None


def groups_error(weight, groups):
    n = weight.shape[0]
    if n < groups:
        return RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{list(weight.shape)} instead"
        )
    if n % groups:
        return RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size "
            f"[{list(weight.shape)}] instead"
        )
    return None


def by(sizes):
    return f"({' x '.join(map(str, sizes))})"


def convolution_check(x, weight, bias, stride, padding, dilation, groups):
    """The error that torch raises for arguments that do not fit."""
    return (
        bias_dtype_error(x, bias)
        or number_error(stride, padding, dilation, groups)
        or groups_error(weight, groups)
        or channel_error(x, weight, groups)
        or bias_error("", weight, bias, weight.shape[0])
        or kernel_error(x, weight, padding, dilation)
        or dtype_error(x, weight, False)
    )


def channel_error(x, weight, groups):
    wanted = weight.shape[1] * groups
    if x.shape[1] == wanted:
        return None
    return RuntimeError(
        f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have {wanted} channels, "
        f"but got {x.shape[1]} channels instead"
    )


def kernel_error(x, weight, padding, dilation):
    kernel = tuple(weight.shape[2:])
    if min(kernel) < 1:
        named = zip(("depth", "height", "width")[-len(kernel) :], kernel, strict=True)
        return RuntimeError(
            "kernel size should be greater than zero, but got " + " ".join(f"kernel_{name}: {k}" for name, k in named)
        )
    padded = [n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if all(r <= n for r, n in zip(reach, padded, strict=True)):
        if 0 not in x.shape[2:]:
            return None
        return RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x.shape)}"
        )
    return RuntimeError(
        f"Calculated padded input size per channel: {by(padded)}. Kernel size: {by(reach)}. Kernel size can't be greater than "
        "actual input size"
    )


def transposed_check(x, weight, bias, size, stride, padding, dilation, groups):
    """The error that torch raises for arguments of a transposed convolution that do not fit."""
    error = bias_dtype_error(x, bias) or number_error(stride, padding, dilation, groups) or groups_error(weight, groups)
    if error is None and x.shape[1] != weight.shape[0]:
        error = RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have {weight.shape[0]} "
            f"channels, but got {x.shape[1]} channels instead"
        )
    error = error or bias_error("transposed=1, ", weight, bias, weight.shape[1] * groups)
    if error is None and min(size) < 1:
        error = RuntimeError(
            f"Given input size per channel: {by(x.shape[2:])}. Calculated output size per channel: {by(size)}. Output size is "
            "too small"
        )
    return error or dtype_error(x, weight, True)


# --- the rows ---
convolution_ = general(
    "convolution_(x, weight, bias?, *, stride, padding, dilation, groups)",
    lambda xp, g, weight, x_shape, stride, padding, dilation, groups: xp.convolution_input(
        g, weight, tuple(x_shape[2:]), stride, padding, dilation, groups
    ),
    lambda xp, g, x, weight_shape, stride, padding, dilation, groups: xp.convolution_weight(
        g, x, tuple(weight_shape[2:]), stride, padding, dilation, groups
    ),
    lambda xp, g: xp.channel_sum(g),
    doc="out[n, o, p] = bias[o] + Σ_{c, k} weight[o, c, k] · x[n, c, p · stride - padding + k · dilation]",
    xp="convolution",
    node="ConvolutionBackward0",
    match=True,
    check=convolution_check,
)
convolution_transposed_ = general(
    "convolution_transposed_(x, weight, bias?, *, size, stride, padding, dilation, groups)",
    lambda xp, g, weight, stride, padding, dilation, groups: xp.convolution(
        g, weight, None, stride, padding, dilation, groups
    ),
    lambda xp, g, x, weight_shape, stride, padding, dilation, groups: xp.convolution_weight(
        x, g, tuple(weight_shape[2:]), stride, padding, dilation, groups
    ),
    lambda xp, g: xp.channel_sum(g),
    doc="the transpose of a convolution, into spatial sizes ``size``, plus a bias",
    xp="convolution_transposed",
    node="ConvolutionBackward0",
    match=True,
    check=transposed_check,
)


def inwards(xp, g, widths):
    """What meets the windows of a gradient whose output was filled up or cut by those widths."""
    return xp.pad(g, tuple((-before, -after) for before, after in widths), 0)


def extended_check(x, weight, bias, met, widths, stride, dilation, groups):
    return transposed_check(x, weight, bias, met, stride, (0,), dilation, groups)


convolution_extended_ = general(
    "convolution_extended_(x, weight, bias?, *, met, widths, stride, dilation, groups)",
    lambda xp, g, weight, widths, stride, dilation, groups: xp.convolution(
        inwards(xp, g, widths), weight, None, stride, (0,) * len(stride), dilation, groups
    ),
    lambda xp, g, x, weight_shape, widths, stride, dilation, groups: xp.convolution_weight(
        x, inwards(xp, g, widths), tuple(weight_shape[2:]), stride, (0,) * len(stride), dilation, groups
    ),
    lambda xp, g: xp.channel_sum(g),
    doc="the transpose of a convolution, into the sizes ``met``, filled up or cut by ``widths``, plus a bias",
    xp="convolution_extended",
    node="ConvolutionBackward0",
    match=True,
    check=extended_check,
)
convolution_input = bilinear(
    "convolution_input(y, weight, *, size, stride, padding, dilation, groups)",
    lambda xp, g, weight, stride, padding, dilation, groups: xp.convolution(
        g, weight, None, stride, padding, dilation, groups
    ),
    lambda xp, g, y, weight_shape, stride, padding, dilation, groups: xp.convolution_weight(
        y, g, tuple(weight_shape[2:]), stride, padding, dilation, groups
    ),
    doc="the gradient of a convolution for its input of spatial sizes ``size``; y has the shape of the output",
    node="ConvolutionBackwardBackward0",
)
convolution_weight = bilinear(
    "convolution_weight(y, x, *, kernel, stride, padding, dilation, groups)",
    lambda xp, g, x, stride, padding, dilation, groups: xp.convolution(x, g, None, stride, padding, dilation, groups),
    lambda xp, g, y, x_shape, stride, padding, dilation, groups: xp.convolution_input(
        y, g, tuple(x_shape[2:]), stride, padding, dilation, groups
    ),
    doc="the gradient of a convolution for its weight of spatial sizes ``kernel``; y has the shape of the output",
    node="ConvolutionBackwardBackward0",
)
unfold_windows = linear(
    "unfold_windows(x, *, kernel, stride, padding, dilation)",
    lambda xp, g, x_shape, kernel, stride, padding, dilation: xp.fold_windows(
        g, tuple(x_shape[2:]), kernel, stride, padding, dilation
    ),
    doc="the windows of x as columns: (N, C, *S) to (N, C · taps, windows)",
    node="Im2ColBackward0",
)
fold_windows = linear(
    "fold_windows(x, *, size, kernel, stride, padding, dilation)",
    lambda xp, g, kernel, stride, padding, dilation: xp.unfold_windows(g, kernel, stride, padding, dilation),
    doc="columns added where they came from: the transpose of unfold_windows",
    node="Col2ImBackward0",
)
