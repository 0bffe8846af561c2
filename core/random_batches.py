"""Random tensors under vmap(randomness="different"): drawn for all examples at once."""

from .active import ACTIVE, FOR_ALL, check_random
from .batching import all_batches, cross, enter, leave
from .create import _leaf
from .shapes import need_tensors
from .tensor import Tensor, wrap


def different():
    """The running batches whose examples get different numbers, the outermost first."""
    return [t for t in ACTIVE.get() if getattr(t, "randomness", None) == "different"]


def drawn(draw, shape, xp, requires_grad=False):
    """The tensor that ``draw(shape)``, a function to a numpy array, gives for every example."""
    (made,) = drawn_parts(lambda whole: (draw(whole),), tuple(shape), xp)
    return _leaf(made._xp, made._a, requires_grad) if requires_grad else made


def drawn_parts(draw, shape, xp):
    """As :func:`drawn` for a function to several arrays; a list of tensors."""
    batches = different()
    while xp.transform is not None:
        xp = xp.base
    parts = drawing_for_all(draw, (*(b.size for b in batches), *shape)) if batches else draw(shape)
    return [entered(wrap(Tensor, xp, xp.from_host(part), None), batches) for part in parts]


def drawing_for_all(draw, argument):
    token = FOR_ALL.set(True)
    try:
        return draw(argument)
    finally:
        FOR_ALL.reset(token)


def entered(tensor, batches):
    for batch in batches:
        tensor = cross(enter, tensor, batch)
    return tensor


def drawn_from(draw, input):
    """The tensor that ``draw(host array)`` makes of the values of ``input`` of every example."""
    need_tensors(input)
    batches = all_batches((input,))
    if not ACTIVE.get():
        return _leaf(input._xp, input._xp.from_host(draw(input._host())), False)
    if any(b.randomness != "different" for b in batches):
        check_random()
        raise RuntimeError(
            "Vmap does not currently support same randomness with a batched tensor input. Please file an issue with functorch"
        )
    batches = sorted({b.level: b for b in (*batches, *different())}.values(), key=lambda b: b.level)
    whole = input.detach()
    for batch in reversed(batches):
        whole = cross(leave, whole, batch)
    host = drawing_for_all(draw, whole._host())
    return entered(wrap(Tensor, whole._xp, whole._xp.from_host(host), None), batches)


def fresh(tensor, draw):
    """What an in-place random op writes into a tensor."""
    if any(b not in all_batches((tensor,)) for b in different()):
        raise RuntimeError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same randomness. If this is "
            "necessary for your usage, please file an issue with functorch."
        )
    return drawn(draw, tensor._a.shape, tensor._xp)


__all__ = ["drawn", "drawn_from", "drawn_parts", "fresh"]
