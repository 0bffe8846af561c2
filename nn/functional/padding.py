"""Padding."""

from ...core.errors import scalar_name
from ...core.ops import neural as rows
from ...core.ops import shape as s
from ...core.shapes import need_tensors
from ...core.tensor import Tensor

__all__ = ["constant_pad_nd", "pad"]

MODES = ("constant", "reflect", "replicate", "circular")
EDGES = {"reflect": rows.reflection_pad, "replicate": rows.replication_pad, "circular": [rows.circular_pad] * 3}
NAMES = {"reflect": "reflection", "replicate": "replication", "circular": "circular"}


def pad(input, pad, mode="constant", value=None):
    """Surround a tensor: by a constant, or by its own elements.

    Args:
        input: any shape for "constant"; the last one, two or three axes of a batch of signals, images or volumes otherwise.
        pad: (before, after) of the last axis, then of the one before it, ...; negative numbers cut.
        mode: "constant"; "reflect" (mirrored at the border, which is not repeated), "replicate" (the border repeated),
            "circular" (from the opposite end).
        value: the constant, 0 unless given.

    Raises:
        RuntimeError: an odd number of widths, too many of them, or widths larger than the input.
        NotImplementedError: an unknown mode, or a number of axes that it does not take.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.pad(plugrad.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
        tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"pad(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    widths = _widths(pad)
    rank = len(input._a.shape)
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(widths) > rank:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {rank}"
        )
    if mode == "constant":
        return _constant(input, widths, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if len(widths) not in (1, 2, 3) or rank - len(widths) not in (1, 2):
        raise _wrong_rank(len(pad), rank)
    return _own_elements(input, widths, mode)


def constant_pad_nd(input, pad, value=0):
    """``pad`` by a constant.

    Example:
        >>> import plugrad
        >>> plugrad.constant_pad_nd(plugrad.ones(2), (1, 0), 3)
        tensor([3., 1., 1.])
    """
    need_tensors(input)
    widths = _widths(pad)
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(widths) > input.dim():
        raise RuntimeError(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)}while the input has {input.dim()}dimensions."
        )
    return _constant(input, widths, value)


def _widths(pad):
    """Pairs (before, after) in the order of the axes."""
    for place, n in enumerate(pad):
        if not isinstance(n, int):
            raise TypeError(
                f"pad(): argument 'pad' (position 2) must be tuple of ints, but found element of type {type(n).__name__} at pos "
                f"{place}"
            )
    pairs = zip(pad[::2], pad[1::2], strict=False)
    return tuple(reversed([(int(before), int(after)) for before, after in pairs]))


def _constant(input, widths, value):
    shape = input._a.shape
    lead = len(shape) - len(widths)
    for n, (before, after) in zip(shape[lead:], widths, strict=True):
        if n + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
    return s.pad_(input, ((0, 0),) * lead + widths, value)


def _own_elements(input, widths, mode):
    dims, shape = len(widths), tuple(input._a.shape)
    if mode == "circular":
        return _circular(input, widths)
    name = f"{NAMES[mode]}_pad{dims}d"
    batch = shape[1 if len(shape) == dims + 2 else 0 :]
    if 0 in batch:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    _check_reach(shape, widths, mode)
    _check_result(shape, widths)
    if input.dtype.kind == 0:
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")
    return EDGES[mode][dims - 1](input, widths, mode)


def _circular(input, widths):
    shape = input._a.shape
    for n, (before, after) in zip(shape[len(shape) - len(widths) :], widths, strict=True):
        if before > n or after > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if n + before + after < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
    return rows.circular_pad(input, widths, "circular")


def _check_reach(shape, widths, mode):
    if mode != "reflect":
        return
    lead = len(shape) - len(widths)
    for i, (before, after) in reversed(list(enumerate(widths, lead))):
        if before >= shape[i] or after >= shape[i]:
            argument = 4 + 2 * (len(shape) - 1 - i)
            raise RuntimeError(
                f"Argument #{argument}: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({before}, {after}) at dimension {i} of input {list(shape)}"
            )


def _check_result(shape, widths):
    lead = len(shape) - len(widths)
    made = [n + before + after for n, (before, after) in zip(shape[lead:], widths, strict=True)]
    if min(made) >= 1:
        return
    letters = "DHW"[-len(widths) :]
    have = " ".join(f"{letter}: {n}" for letter, n in zip(letters, shape[lead:], strict=True))
    want = " ".join(f"{letter}: {n}" for letter, n in zip(letters, made, strict=True))
    raise RuntimeError(f"input ({have}) is too small. Calculated output {want}")


def _wrong_rank(length, rank):
    return NotImplementedError(
        f"Padding size {length} is not supported for {rank}D input tensor.\n"
        "Supported combinations for non-constant padding:\n"
        "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
        "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
        "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
    )
