"""repr of tensors."""

from .modes import Defaults
from .printing import tensor_str


def tensor_text(t):
    """The text torch prints for a tensor."""
    name = type(t).__name__
    kind = t._xp.device_type
    return tensor_str(
        t._host(),
        dtype_name=t.dtype.name,
        default_dtype_name=Defaults.dtype.name,
        device_text=None if kind == "cpu" else str(t.device),
        requires_grad=t.requires_grad,
        grad_fn_name=t.grad_fn.name().rpartition("::")[2] if t.grad_fn is not None else None,
        class_prefix="tensor(" if name in ("Tensor", "Parameter") else f"{name}(",
    )
