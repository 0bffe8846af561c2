"""Forward-mode differentiation: tensors that carry a tangent, and with it J · v, through every op.

The public levels are torch's: one at a time. :func:`jvp_of` opens levels of its own, which nest.
"""

import functools
from typing import NamedTuple

from .dual import close_level, open_level
from .slow import transform_of
from .tangents import filled, zeros
from .tensor import Tensor


class _public:
    """The level that enter_dual_level() opened, None without one."""

    level = None


class UnpackedDualTensor(NamedTuple):
    """What :func:`unpack_dual` returns: the value and the tangent of a dual tensor; tangent None where there is none."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level():
    """Open the level in which duals are made; returns its number, 0.

    Raises:
        RuntimeError: it is open already. Use :func:`plugrad.func.jvp` for derivatives of derivatives.
    """
    if _public.level is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _public.level = open_level()
    return 0


def exit_dual_level(*, level=None):
    """Close the level; its tangents are forgotten.

    Raises:
        RuntimeError: no level is open, or another one is named.
    """
    current = -1 if _public.level is None else 0
    if level is not None and level != current:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    if current < 0:
        raise RuntimeError("Dual level must be a positive number.")
    opened, _public.level = _public.level, None
    close_level(opened)


class dual_level:
    """A block, or a decorator of functions, in which tensors can carry tangents.

    Example:
        >>> import plugrad
        >>> from plugrad.autograd import forward_ad
        >>> with forward_ad.dual_level():
        ...     x = forward_ad.make_dual(plugrad.tensor([1.0, 2.0]), plugrad.tensor([1.0, 0.0]))
        ...     print(forward_ad.unpack_dual(x * x).tangent)
        tensor([2., 0.])
    """

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, kind, error, traceback):
        exit_dual_level()

    def __call__(self, function):
        @functools.wraps(function)
        def inside(*args, **kwargs):
            with type(self)():
                return function(*args, **kwargs)

        return inside


def _current(level):
    """The number of the level that is meant."""
    return level if level is not None else -1 if _public.level is None else 0


def make_dual(tensor, tangent, *, level=None):
    """Return a dual: a view of ``tensor`` that carries ``tangent`` through every op, giving J · tangent.

    Args:
        tensor: floating point or complex.
        tangent: of the same shape; kept as it is where its memory is laid out as that of ``tensor``, else copied.
        level: the open level.

    Raises:
        RuntimeError: no level is open, the tensor is a dual already, or the shapes differ.
        ValueError: a dtype without derivatives.

    Example:
        >>> import plugrad
        >>> from plugrad.autograd import forward_ad
        >>> with forward_ad.dual_level():
        ...     forward_ad.make_dual(plugrad.tensor(3.0), plugrad.tensor(1.0)) ** 2
        tensor(9., tangent=tensor(6.))
    """
    number = _current(level)
    if number < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {t.dtype}")
    if number > 0 or _public.level is None:
        raise RuntimeError("Invalid level given to _make_dual")
    if _public.level.tangent(tensor) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported."
        )
    check_size(tensor, tangent)
    return dual_of(_public.level, tensor, tangent)


def check_size(tensor, tangent):
    if tensor._a.shape != tangent._a.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. "
            f"Tensor is of size {list(tensor._a.shape)} while the given forward gradient is of size {list(tangent._a.shape)}."
        )


def dual_of(level, tensor, tangent):
    """A dual at a level; where value or tangent are in deeper levels, these stay outermost."""
    deeper = deeper_level(level, (tensor, tangent))
    if deeper is not None:
        slopes = deeper.tangents((tensor, tangent))
        primals = deeper.primal(tensor), deeper.primal(tangent)
        return deeper.dual(dual_of(level, *primals), dual_of(level, *filled(primals, slopes)))
    primal = view_of(tensor)
    tangent = level.primal(tangent)
    if primal.is_contiguous() and not tangent.is_contiguous():
        tangent = tangent.contiguous()
    return level.dual(primal, tangent)


def deeper_level(level, tensors):
    """The innermost level that tensors are in, None where that is not deeper than ``level``."""
    found = transform_of(tensors)
    return found if found is not level and hasattr(found, "tangent") and found.rank > level.rank else None


def view_of(tensor):
    from .ops import shape as s

    return s.view_(tensor, tuple(tensor._a.shape)) if tensor.is_contiguous() else s.slice_(tensor, (...,))


def unpack_dual(tensor, *, level=None):
    """Return (primal, tangent) of a dual: a view of its value, and the tangent, None where there is none.

    Raises:
        RuntimeError: the tensor is a dual, but of another level than the one that is named.
    """
    number = _current(level)
    if number < 0:
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}")
    if _public.level is None or number > 0:
        if _public.level is not None and _public.level.tangent(tensor) is not None:
            raise RuntimeError("Invalid level given to _fw_primal")
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(*unpack(_public.level, tensor))


def unpack(level, tensor):
    """(view of the value, tangent) of a tensor at a level."""
    deeper = deeper_level(level, (tensor,))
    if deeper is not None and deeper.tangent(tensor) is not None:
        value, slope = unpack(level, deeper.primal(tensor)), unpack(level, deeper.tangent(tensor))
        primal = deeper.dual(value[0], slope[0])
        if value[1] is None and slope[1] is None:
            return primal, None
        return primal, deeper.dual(*filled((value[0], slope[0]), (value[1], slope[1])))
    tangent = level.tangent(tensor)
    if tangent is None:
        return tensor, None
    return view_of(level.primal(tensor)), tangent


def jvp_of(func, primals, tangents):
    """Return (func(*primals), J · tangents), at a level of its own inside those that are open.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        tangents: one per primal, of its shape.

    Returns:
        Twice what func returns: the results, and their tangents, zeros where a result depends on no primal.
    """
    level = open_level()
    try:
        duals = [dual_of(level, p, t) for p, t in zip(primals, tangents, strict=True)]
        made = func(*duals)
        parts = made if isinstance(made, (tuple, list)) else (made,)
        pairs = [unpack(level, part) for part in parts]
        pairs = [(p, zeros(p) if t is None else t) for p, t in pairs]
    finally:
        close_level(level)
    if isinstance(made, (tuple, list)):
        return tuple(p for p, _ in pairs), tuple(t for _, t in pairs)
    return pairs[0]


__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]
