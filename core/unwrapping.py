"""Looking at what a tensor under a function transform holds, and functions that have no side effects."""

import functools

from .batching import batch_of
from .tensor import Tensor, wrap


def debug_unwrap(tensor, *, recurse=True):
    """Return what lies inside a tensor under vmap or forward mode, for looking at it; its history is left out.

    Args:
        recurse: take all levels off, not only the outermost.

    Example:
        >>> import plugrad
        >>> _ = plugrad.vmap(lambda x: print(plugrad.func.debug_unwrap(x)) or x)(plugrad.ones(2))
        tensor([1., 1.])
    """
    inner = unwrapped(tensor)
    while recurse and inner is not tensor:
        tensor, inner = inner, unwrapped(inner)
    return inner


def unwrapped(tensor):
    """The tensor without its outermost level; itself where there is none."""
    transform = tensor._xp.transform
    if hasattr(transform, "tangent"):
        return transform.primal(tensor)
    if batch_of(tensor._xp) is None:
        return tensor
    return wrap(Tensor, tensor._xp.base, tensor._xp.every(tensor._a), None)


def functionalize(func, *, remove="mutations"):
    """Return a function with the results of ``func``, in-place ops on its arguments included.

    What torch rewrites here for its tracers stays as it is: nothing is traced, and the results are the same.

    Args:
        remove: "mutations" or "mutations_and_views".

    Raises:
        RuntimeError: another value of ``remove``.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n"
            "     remove='mutations': all inplace and out= operators will be removed from the program, and replaced with their "
            "out-of-place equivalents.\n"
            "     remove='mutations_and_views': In addition to the above, all aliasing operators {view} will be replaced with their "
            "non-aliasing counterparts, {view}_copy.\n"
        )

    @functools.wraps(func)
    def functional(*args, **kwargs):
        return func(*args, **kwargs)

    return functional


__all__ = ["debug_unwrap", "functionalize"]
