"""Why a pooling is refused, in torch's words. Each function returns the error that torch raises first, or None."""

from ...core.errors import scalar_name
from ...core.ops.pool import pooled_count

__all__ = ["adaptive_error", "avg_pool_error", "max_pool_error", "not_a_tensor", "not_implemented"]

LETTERS = {1: ("H", "W"), 2: ("H", "W"), 3: ("T", "H", "W")}
COUNTS = {2: "two", 3: "three"}


def not_a_tensor(name, value):
    return TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}")


def not_implemented(name, input):
    return NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")


def first(*errors):
    """The first error of functions that return one or None; later ones are not asked."""
    for error in errors:
        found = error()
        if found is not None:
            return found
    return None


def kind_error(name, statics):
    for place, (key, value) in enumerate(
        zip(("kernel_size", "stride", "padding", "dilation"), statics, strict=False), 2
    ):
        if not isinstance(value, tuple) or not all(isinstance(n, int) for n in value):
            kind = type(value[0] if isinstance(value, tuple) and value else value).__name__
            return TypeError(f"{name}(): argument '{key}' (position {place}) must be tuple of ints, not {kind}")
    return None


# --- windows of two and three axes ---
def length_error(name, dims, statics, either):
    count = COUNTS[dims]
    texts = {
        "kernel_size": f"must {either}be a single int, or a tuple of {count} ints",
        "stride": f"must {either}be omitted, a single int, or a tuple of {count} ints",
        "padding": f"must {either}be a single int, or a tuple of {count} ints",
        "dilation": f"must be {either}a single int, or a tuple of {count} ints",
    }
    for (key, text), value in zip(texts.items(), statics, strict=False):
        if len(value) != dims:
            return RuntimeError(f"{name}: {key} {text}")
    return None


def number_error(dims, kernel, stride, padding, dilation):
    """kernel, stride ...: one number per axis, a line counting as two axes."""

    def listed(prefix, values):
        return " ".join(f"{prefix}{letter}: {value}" for letter, value in zip(LETTERS[dims], values, strict=True))

    if 0 in stride:
        return RuntimeError("stride should not be zero")
    if min(kernel) <= 0:
        return RuntimeError(f"kernel size should be greater than zero, but got {listed('k', kernel)}")
    if min(stride) <= 0:
        return RuntimeError(f"stride should be greater than zero, but got {listed('d', stride)}")
    if min(dilation) <= 0:
        return RuntimeError(f"dilation should be greater than zero, but got {listed('dilation', dilation)}")
    return None


def padding_error(dims, kernel, padding, dilation):
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p < 0:
            return RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if 2 * p > (k - 1) * d + 1:
            return RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
    if all(2 * p <= k for k, p in zip(kernel, padding, strict=True)):
        return None
    text = "pad should be smaller than or equal to half of kernel size, but got "
    if dims == 3:
        (kt, kh, kw), (pt, ph, pw) = kernel, padding
        return RuntimeError(f"{text}kT: {kt} kW: {kw} kH: {kh} padT: {pt} padW: {pw} padH: {ph}")
    return RuntimeError(f"{text}padW = {padding[1]}, padH = {padding[0]}, kW = {kernel[1]}, kH = {kernel[0]}")


def size_error(shape, dims, kernel, stride, padding, dilation, ceil_mode):
    """``shape``: (C, *S), a line counting as two axes."""
    axes = zip(shape[1:], kernel, stride, padding, dilation, strict=True)
    counts = [pooled_count(*axis, ceil_mode) for axis in axes]
    if min(counts) >= 1:
        return None
    given, made = ("x".join(map(str, (shape[0], *sizes))) for sizes in (shape[1:], counts))
    return RuntimeError(f"Given input size: ({given}). Calculated output size: ({made}). Output size is too small")


def empty_error(name, dims, shape):
    inner = shape[-dims - 1 :]
    if 0 not in inner:
        return None
    if dims == 3:
        return RuntimeError(
            f"{name}(): Expected input's non-batch dimensions to have positive length, but input has a shape of {list(shape)} and "
            "non-batch dimension 0 has length zero!"
        )
    return RuntimeError(
        f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}"
    )


def max_pool_error(dims, input, statics, ceil_mode, return_indices=False):
    name = f"max_pool{dims}d"
    if dims == 1 and return_indices:
        return kind_error("max_pool1d_with_indices", statics) or indexed_line_error(input, statics, ceil_mode)
    error = kind_error(name, statics)
    if error is not None:
        return error
    if dims == 1:
        return max_line_error(input, statics, ceil_mode)
    shape = tuple(input.shape)
    deep = "max_pool3d_with_indices_out_cpu_template" if dims == 3 else name

    def rank():
        if len(shape) - dims in (1, 2):
            return None
        return RuntimeError(f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input")

    return first(
        lambda: length_error(name, dims, statics, "either "),
        rank,
        lambda: number_error(dims, *statics),
        lambda: padding_error(dims, statics[0], statics[2], statics[3]),
        lambda: empty_error(deep, dims, shape),
        lambda: size_error(shape[-dims - 1 :], dims, *statics, ceil_mode),
    )


def max_line_error(input, statics, ceil_mode):
    """max_pool1d has words of its own."""
    shape = tuple(input.shape)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        return RuntimeError(
            f"max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}"
        )
    for key, value in zip(("kernel_size", "stride", "padding", "dilation"), statics, strict=True):
        if len(value) != 1:
            must = "None, an int, list of ints," if key == "stride" else "an int, list of ints"
            must += ", or tuple of ints" if key == "padding" else " or tuple of ints"
            return RuntimeError(f"max_pool1d() {key} must be {must} of size 1 but got size {len(value)}")
    kernel, stride, padding, dilation = (value[0] for value in statics)
    for key, value in (("kernel_size", kernel), ("stride", stride)):
        if value <= 0:
            return RuntimeError(f"max_pool1d() {key} must be greater than zero, but got {value}")
    if padding < 0:
        return RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding}")
    if 2 * padding > kernel:
        return RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={padding} and kernel_size={kernel}"
        )
    if dilation <= 0:
        return RuntimeError(f"max_pool1d() dilation must be greater than zero, but got {dilation}")
    count = pooled_count(shape[-1], kernel, stride, padding, dilation, ceil_mode)
    return RuntimeError(f"max_pool1d() Invalid computed output size: {count}") if count < 1 else None


def indexed_line_error(input, statics, ceil_mode):
    """With indices torch pools a line as an image of one row, and has the words of that."""
    shape = tuple(input.shape)
    if len(shape) not in (2, 3):
        return rank_of_line("max_pool1d", shape)
    for key, value in zip(("kernel_size", "stride", "padding", "dilation"), statics, strict=True):
        if len(value) != 1:
            return RuntimeError(f"max_pool1d() argument '{key}' should contain one int (got {len(value)})")
    shape = (*shape[:-1], 1, shape[-1])
    kernel, stride, padding, dilation = ((fill, *value) for fill, value in zip((1, 1, 0, 1), statics, strict=True))
    return first(
        lambda: number_error(1, kernel, stride, padding, dilation),
        lambda: padding_error(1, kernel, padding, dilation),
        lambda: empty_error("max_pool2d", 2, shape),
        lambda: size_error(shape[-3:], 1, kernel, stride, padding, dilation, ceil_mode),
    )


def avg_pool_error(dims, input, statics, ceil_mode, divisor_override):
    name = f"avg_pool{dims}d"
    error = kind_error(name, statics)
    if error is not None:
        return error
    shape = tuple(input.shape)
    if dims == 1:
        error = avg_line_error(shape, statics)
        if error is not None:
            return error
        kernel, stride, padding = ((fill, *value) for fill, value in zip((1, 1, 0), statics, strict=True))
        shape = (*shape[:-1], 1, shape[-1])
    else:
        error = length_error(name, dims, statics, "either " if dims == 2 else "")
        if error is not None:
            return error
        kernel, stride, padding = statics
    flat = max(dims, 2)
    dilation = (1,) * flat
    return first(
        lambda: RuntimeError("divisor must be not zero") if divisor_override == 0 else None,
        lambda: avg_rank_error(dims, shape),
        lambda: number_error(dims, kernel, stride, padding, dilation),
        lambda: padding_error(dims, kernel, padding, dilation),
        lambda: empty_error(name, flat, shape),
        lambda: too_small_volume(shape, kernel) if dims == 3 else None,
        lambda: size_error(shape[-flat - 1 :], dims, kernel, stride, padding, dilation, ceil_mode),
    )


def avg_line_error(shape, statics):
    if len(shape) not in (2, 3):
        return rank_of_line("avg_pool1d", shape)
    for key, value in zip(("kernel_size", "stride", "padding"), statics, strict=True):
        if len(value) != 1:
            return RuntimeError(f"avg_pool1d() argument '{key}' should contain one int (got {len(value)})")
    return None


def rank_of_line(name, shape):
    return RuntimeError(
        f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while checking arguments for "
        f"{name})"
    )


def avg_rank_error(dims, shape):
    if dims == 3 and len(shape) not in (4, 5):
        return RuntimeError("non-empty 4D or 5D (batch mode) tensor expected for input")
    if dims == 2 and len(shape) < 3:
        reach = max(len(shape), 1)
        return IndexError(f"Dimension out of range (expected to be in range of [{-reach}, {reach - 1}], but got -3)")
    if dims == 2 and len(shape) > 4:
        return RuntimeError(
            f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}"
        )
    return None


def too_small_volume(shape, kernel):
    if all(n >= k for n, k in zip(shape[-3:], kernel, strict=True)):
        return None
    sizes, taps = (
        " ".join(f"{prefix}{letter}: {n}" for letter, n in zip("THW", values, strict=True))
        for prefix, values in (("", shape[-3:]), ("k", kernel))
    )
    return RuntimeError(f"input image ({sizes}) smaller than kernel size ({taps})")


# --- cells ---
def adaptive_error(what, dims, input, output_size):
    one = isinstance(output_size, int)
    size = (output_size,) * dims if one else output_size
    name = f"adaptive_{what}_pool{dims}d"
    shape = tuple(input.shape)
    if dims == 1 and (not isinstance(size, (tuple, list)) or not all(isinstance(n, int) for n in size)):
        found = ", but found element of type {} at pos 0" if isinstance(size, (tuple, list)) else ", not {}"
        kind = type(size[0] if isinstance(size, (tuple, list)) else size).__name__
        return TypeError(f"{name}(): argument 'output_size' (position 2) must be tuple of ints{found.format(kind)}")
    if not one and dims > 1 and len(shape) <= len(size):
        return ValueError(f"Input dimension should be at least {len(size) + 1}")
    for place, n in enumerate(size):
        if not isinstance(n, int | None):
            return TypeError(
                f"{name}(): argument 'output_size' (position 2) must be tuple of ints, but found element of type "
                f"{type(n).__name__} at pos {place}"
            )
    if dims == 1 and len(shape) not in (2, 3):
        return rank_of_line(name, shape)
    return adaptive_size_error(what, name, dims, shape, size) or adaptive_input_error(what, name, dims, input, size)


def adaptive_size_error(what, name, dims, shape, size):
    if len(size) != dims:
        if dims == 1:
            return RuntimeError(f"{name}() argument 'output_size' should contain one int (got {len(size)})")
        before = f"{name}: output_size" if what == "avg" else f"{name}(): internal error: output_size.size()"
        return RuntimeError(f"{before} must be {dims}")
    if all(n is None or n >= 0 for n in size):
        return None
    size = (1, *size) if dims == 1 else tuple(shape[-dims + i] if n is None else n for i, n in enumerate(size))
    if what == "max":
        lead = (*shape[:-1],) if dims == 1 else shape[:-dims]
        negative = next(n for n in size if n < 0)
        return RuntimeError(f"Trying to create tensor with negative dimension {negative}: {[*lead, *size]}")
    between = ", " if dims < 3 else ","
    listed = f"{size[0]}, {between.join(map(str, size[1:]))}"
    return RuntimeError(
        f"adaptive_avg_pool{max(dims, 2)}d: elements of output_size must be greater than or equal to 0 but received {{{listed}}}"
    )


def adaptive_input_error(what, name, dims, input, size):
    shape = tuple(input.shape)
    if len(shape) - dims not in (1, 2):
        colon = ":" if what == "max" else ""
        return RuntimeError(f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got{colon} {list(shape)}")
    means = what == "avg" and all(n == 1 for n in size)
    if 0 in shape[-dims:] and not means:
        if dims == 1 and what == "avg":
            name, shape = "adaptive_avg_pool2d", (*shape[:-1], 1, shape[-1])
        place = next(i for i in range(2 if len(shape) > dims + 1 else 1, len(shape)) if shape[i] == 0)
        return RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {list(shape)} with "
            f"dimension {place} being empty"
        )
    if input.dtype.kind == 2:
        return None
    if means:
        return RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            + scalar_name(input.dtype)
        )
    return not_implemented(f"adaptive_{what}_pool3d_cpu" if dims == 3 else f"adaptive_{what}_pool2d", input)
