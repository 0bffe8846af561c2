"""repr of tensors."""

from .modes import Defaults
from .printing import parameter_str, tensor_str


def tensor_text(t):
    """The text torch prints for a tensor."""
    cls = type(t)
    is_parameter = getattr(cls, "_is_parameter", False)
    plain = is_parameter or cls.__name__ == "Tensor"
    kind = t._xp.device_type
    text = tensor_str(
        t._host(),
        dtype_name=t.dtype.name,
        default_dtype_name=Defaults.dtype.name,
        device_text=None if kind == "cpu" else str(t.device),
        requires_grad=t.requires_grad,
        grad_fn_name=t.grad_fn.name() if t.grad_fn is not None else None,
        class_prefix="tensor(" if plain else f"{cls.__name__}(",
    )
    return parameter_str(text, cls.__name__) if is_parameter else text
