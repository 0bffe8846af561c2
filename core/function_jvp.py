"""Custom Functions in forward mode: how ``apply`` treats duals, by the Function's ``jvp``."""

from .dual import Kept, edge_of
from .forward_ad import check_size
from .function_names import user_names
from .slow import transform_of
from .tangents import turn_dual, zeros
from .tensor import Tensor


def level_of(args):
    """The innermost level of forward mode that an argument of apply is in, None outside of it."""
    transform = transform_of([a for a in args if isinstance(a, Tensor)])
    return transform if hasattr(transform, "tangent") else None


def apply_to_duals(level, cls, args, kwargs):
    """(what apply gives, the ctx): forward runs on the values, jvp on the tangents."""
    from .function import applied

    primals = tuple(level.primal(a) if isinstance(a, Tensor) else a for a in args)
    tangents = level.tangents(args)
    made, ctx = applied(cls, primals, kwargs, for_jvp=True)
    if all(t is None for t in tangents):
        return made, ctx
    parts = made if isinstance(made, tuple) else (made,)
    slopes = slopes_of(cls, ctx, primals, tangents, parts)
    dress(ctx, level, (primals, args, tangents), slopes)
    sources = tuple(zip(primals, args, strict=True))
    results = tuple(result_of(level, part, slope, sources) for part, slope in zip(parts, slopes, strict=True))
    return (results if isinstance(made, tuple) else results[0]), ctx


def result_of(level, part, slope, sources):
    given = next((dual for primal, dual in sources if primal is part), None)
    if given is None:
        return part if slope is None else level.dual(part, slope, sources)
    if given is not part:  # forward wrote into it: the value has a new history
        given._fn = given._fn if edge_of(part) is given else part._fn
    if level.tangent(given) is None and slope is not None:
        turn_dual(level, given, slope)
    return given


# --- calling jvp ---
def slopes_of(cls, ctx, primals, tangents, parts):
    """The tangents of the outputs, by the Function's jvp."""
    given = tuple(incoming(ctx, p, t) for p, t in zip(primals, tangents, strict=True))
    ctx.jvp_saved = saved_for_jvp(ctx, primals, parts)
    try:
        with user_names(ctx):
            found = cls.jvp(ctx, *given)
    finally:
        ctx.jvp_saved = None
    found = found if isinstance(found, tuple) else (found,)
    if len(found) != len(parts):
        raise RuntimeError(
            f"Function's jvp returned an invalid number of forward gradients (expected {len(parts)} but got {len(found)})"
        )
    for i, (slope, part) in enumerate(zip(found, parts, strict=True)):
        check_slope(ctx, i, slope, part, (primals, given))
    return found


def incoming(ctx, primal, tangent):
    if tangent is not None or not isinstance(primal, Tensor) or primal.dtype.kind < 2 or not ctx.materialize_grads:
        return tangent
    return zeros(primal)


def saved_for_jvp(ctx, primals, parts):
    """What save_for_forward got, as the arguments and outputs of this level."""
    if not ctx.saved_for_forward:
        return None
    return tuple(
        primals[where] if kind == "argument" else parts[where] if kind == "output" else where
        for kind, where in ctx.saved_for_forward
    )


def places(tensors, args, parts):
    """For each tensor: an argument by number, an output by number, or itself."""
    found = []
    for t in tensors:
        number = next((i for i, a in enumerate(args) if a is t and t is not None), None)
        if number is not None:
            found.append(("argument", number))
            continue
        number = next((i for i, p in enumerate(parts) if p is t and t is not None), None)
        found.append(("itself", t) if number is None else ("output", number))
    return tuple(found)


def check_slope(ctx, i, slope, part, arguments):
    """Raise for what jvp may not return as the tangent of output ``i``."""
    if slope is None:
        return
    if not isinstance(slope, Tensor):
        raise RuntimeError(f"expected Variable or None (got {type(slope).__name__}) for grad output {i}.")
    if not isinstance(part, Tensor) or not ctx.smooth[i]:
        raise RuntimeError(
            f"Function's jvp returned a gradient at position {i}, but  the corresponding forward output is not a differentiable "
            "Tensor.You should return None at that position instead."
        )
    for primal, given in zip(*arguments, strict=True):
        if part is primal and slope is not given:
            raise RuntimeError(
                "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is modifying an input "
                "inplace, then the jvp function must modify the corresponding gradient inplace."
            )
    is_view = i in ctx.returned or (part._is_view() and any(lies_on(part, p) for p in arguments[0]))
    if is_view and not slope._is_view():
        raise RuntimeError(
            "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view."
        )
    check_size(part, slope)


def lies_on(part, primal):
    return part is not primal and isinstance(primal, Tensor) and (part._base is primal or part._base is primal._base)


# --- what backward will see ---
def dress(ctx, level, arguments, slopes):
    """Let the ctx hand out duals, so that a backward that runs on tensors sees the tangents."""
    moving = [(p, a, t) for p, a, t in zip(*arguments, strict=True) if t is not None]
    for saved in ctx.saved:
        if saved is not None:
            saved.dress(level, moving, slopes)
    for name, value in list(ctx.__dict__.items()):
        dual = next((a for p, a, _ in moving if p is value), None)
        if dual is not None:
            ctx.__dict__[name] = dual


def dressed(tensor, duals):
    """A saved tensor with the tangents that were kept for it."""
    for kept in duals:
        if kept.tangent is not None:
            tensor = kept.level.dual(tensor, kept.tangent)
    return tensor


def kept_tangent(level, tangent):
    return () if tangent is None else (Kept(level, None, tangent),)


__all__ = ["apply_to_duals", "dressed", "kept_tangent", "level_of", "places"]
