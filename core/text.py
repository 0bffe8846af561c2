"""repr of tensors."""

from .modes import Defaults
from .printing import tensor_str


def tensor_text(t):
    """The text torch prints for a tensor."""
    if t._xp.transform is not None and is_batched(t):
        return batched_text(t)
    name = type(t).__name__
    kind = t._xp.device_type
    return tensor_str(
        t._host(),
        dtype_name=t.dtype.name,
        default_dtype_name=Defaults.dtype.name,
        device_text=None if kind == "cpu" else str(t.device),
        requires_grad=t.requires_grad,
        grad_fn_name=node_name(t),
        tangent_text=None if t._xp.transform is None else tangent_text(t),
        class_prefix="tensor(" if name in ("Tensor", "Parameter") else f"{name}(",
    )


def is_batched(t):
    from .batching import all_batches

    return bool(all_batches((t,)))


def batched_text(t):
    """What torch prints for a tensor under vmap: the tensor inside, indented."""
    from .unwrapping import unwrapped

    if hasattr(t._xp.transform, "tangent"):
        return batched_text(unwrapped(t))
    inner = repr(unwrapped(t)).replace("\n", "\n    ")
    return f"BatchedTensor(lvl={t._xp.batch.depth}, bdim=0, value=\n    {inner}\n)"


def node_name(t):
    try:
        node = t.grad_fn
    except RuntimeError:  # a view whose base was written to in a way it cannot follow
        return "Invalid"
    return None if node is None else node.name().rpartition("::")[2]


def tangent_text(t):
    """The text of a dual's tangent, None where there is none."""
    tangent_of = getattr(t._xp.transform, "tangent", None)
    tangent = None if tangent_of is None else tangent_of(t)
    return None if tangent is None else repr(tangent)
