"""Why an interpolation is refused, in torch's words."""

from ...core.errors import scalar_name

__all__ = [
    "antialias_error",
    "argument_error",
    "dtype_error",
    "factor_error",
    "mode_error",
    "rank_error",
    "scale_count_error",
    "size_count_error",
    "size_error",
    "size_kind_error",
]

LETTERS = {1: "W", 2: "HW", 3: "DHW"}
#: What else the functions of so many axes take.
SCALES = {
    1: "float scales = None",
    2: "float scales_h = None, float scales_w = None",
    3: "float scales_d = None, float scales_h = None, float scales_w = None",
}
NEEDED = {"linear": 1, "bilinear": 2, "trilinear": 3}


def size_count_error(input, size):
    return ValueError(
        "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
        f"{list(input.shape[2:])} and output size of {size}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and output "
        "size in (o1, o2, ...,oK) format."
    )


def scale_count_error(input, scale_factor):
    return ValueError(
        "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of "
        f"{list(input.shape[2:])} and scale_factor of shape {scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
        "format and scale_factor in (s1, s2, ...,sK) format."
    )


def size_kind_error(size):
    return TypeError(
        "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with types "
        f"{[type(n) for n in size]}"
    )


def antialias_error():
    return ValueError(
        "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
    )


def mode_error(mode, dims, align_corners):
    """The error for a mode that this number of axes does not have."""
    rank = dims + 2
    if mode == "lanczos" and dims == 2:
        if align_corners:
            return ValueError("Lanczos mode does not support align_corners=True")
        return ValueError("Lanczos mode requires antialias=True")
    if mode in NEEDED and dims in LETTERS:
        return NotImplementedError(f"Got {rank}D input, but {mode} mode needs {NEEDED[mode] + 2}D input")
    return NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: nearest | linear | bilinear | bicubic | "
        f"trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def size_error(shape, made):
    """The error for sizes that are not positive, None if all are."""
    before, letters = tuple(shape[2:]), LETTERS[len(made)]
    if min(made) > 0 and min(before) > 0:
        return None
    old, new = (
        ", ".join(f"{letter}: {n}" for letter, n in zip(letters, sizes, strict=True)) for sizes in (before, made)
    )
    link = " and" if len(made) == 1 else ""
    return RuntimeError(f"Input and output sizes should be greater than 0, but got input ({old}){link} output ({new})")


def rank_error(shape):
    return RuntimeError(f"Non-empty {len(shape)}D data tensor expected but got a tensor with sizes {list(shape)}")


#: Where torch's functions of images differ from those of signals and volumes.
OF_IMAGES = {"nearest": "upsample_nearest2d_channels_last", "linear": "upsample_bilinear2d_channels_last"}


def dtype_error(kind, input):
    plain = "nearest" if kind.startswith("nearest") else kind
    name = "compute_index_ranges_weights" if kind.endswith("-antialias") else f"compute_indices_weights_{plain}"
    if len(input._a.shape) == 4:
        name = OF_IMAGES.get(plain, name)
    return NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")


# --- arguments of other kinds than torch's functions take ---
def argument_error(name, sizes, scales, align_corners):
    """The error for sizes, scales or an ``align_corners`` of a wrong kind."""
    dims = len(scales if sizes is None else sizes)
    aligned = [] if align_corners is None else [align_corners]
    given = [sizes, *aligned, scales]
    kinds = ", ".join(["Tensor", *(type(value).__name__ for value in given)])
    # torch marks all but the tensor and a bool, also what is right.
    told = ", ".join(["Tensor", *("bool" if value.__class__ is bool else f"!{_kind(value)}!" for value in given)])
    bools = "bool align_corners, " if aligned else ""
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({kinds}), but expected one of:\n"
        f" * (Tensor input, tuple of ints output_size, {bools}tuple of floats scale_factors)\n"
        f"      didn't match because some of the arguments have invalid types: ({told})\n"
        f" * (Tensor input, tuple of ints output_size, {bools}{SCALES[dims]}, *, Tensor out = None)\n"
    )


def factor_error(name, scale, place):
    return TypeError(
        f"{name}(): argument 'scale_factors' must be tuple of floats, but found element of type {type(scale).__name__} at pos {place}"
    )


def _kind(value):
    if not isinstance(value, (list, tuple)):
        return type(value).__name__
    inside = ", ".join(type(v).__name__ for v in value)
    return f"list of [{inside}]" if isinstance(value, list) else f"tuple of ({inside}{',' if len(value) == 1 else ''})"
