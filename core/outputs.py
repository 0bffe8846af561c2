"""``out=`` of functions that are composed of others and take it in one dtype only."""

from .errors import c_name, scalar_name
from .modes import is_grad_enabled
from .tensor import Tensor
from .views import write_out

__all__ = ["EXPECTED", "FOUND", "SCALAR_TYPE", "write_same"]

#: torch's words where ``out`` has another dtype than the result, by the kind of kernel.
EXPECTED = "Expected out tensor to have dtype {made_c}, but got {out_c} instead"
FOUND = "Found dtype {out} but expected {made}"
SCALAR_TYPE = "expected scalar type {made} but found {out}"


def write_same(out, made, *inputs, name, called=None, words=EXPECTED):
    """Write a result into ``out``, which takes its shape; returns ``out``.

    Args:
        inputs: the arguments that may not require grad; ``out`` may not either.
        name: the function's name where ``out`` is no tensor.
        called: its name where something requires grad; default: name.
        words: the text for another dtype; None: any that the result can be cast to.

    Raises:
        TypeError: ``out`` is not a tensor.
        RuntimeError: gradients would be recorded, or the dtype is another.
    """
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if is_grad_enabled() and any(isinstance(t, Tensor) and t.requires_grad for t in (*inputs, out)):
        raise RuntimeError(
            f"{called or name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if words is not None and out.dtype is not made.dtype:
        names = {"made": scalar_name(made.dtype), "out": scalar_name(out.dtype)}
        names |= {"made_c": c_name(made.dtype), "out_c": c_name(out.dtype)}
        raise RuntimeError(words.format(**names))
    return write_out(out, made, stacklevel=4)
