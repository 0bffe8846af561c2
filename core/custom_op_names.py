"""What is registered for a custom op that is given by its name."""

from .custom_op import OPS, CustomOpDef


def op_of(op):
    """The op itself, or the one of a qualified name.

    Raises:
        RuntimeError: there is none of that name.
    """
    if isinstance(op, CustomOpDef):
        return op
    if not isinstance(op, str):
        raise ValueError(f"expected a custom op or its name, but got {type(op).__name__}")
    if op not in OPS:
        raise RuntimeError(
            f"Could not find the operator {op}. Please make sure you have already registered it by custom_op."
        )
    return OPS[op]


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """:meth:`CustomOpDef.register_autograd` of an op given by its name ``"namespace::name"`` or itself."""
    refuse(lib=lib)
    op_of(op).register_autograd(backward, setup_context=setup_context)


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """:meth:`CustomOpDef.register_kernel` of an op given by its name or itself."""
    refuse(lib=lib)
    return op_of(op).register_kernel(device_types, func)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=True):
    """:meth:`CustomOpDef.register_fake` of an op given by its name or itself; without ``func`` a decorator is returned."""
    refuse(lib=lib)
    if not allow_override and op_of(op)._fake_fn is not None:
        raise RuntimeError(f"register_fake: {op_of(op)} has a fake impl already")
    return op_of(op).register_fake if func is None else op_of(op).register_fake(func)


def register_autocast(op, device_type, cast_inputs, /, *, lib=None):
    """:meth:`CustomOpDef.register_autocast` of an op given by its name or itself."""
    refuse(lib=lib)
    op_of(op).register_autocast(device_type, cast_inputs)


def register_vmap(op, func=None, /, *, lib=None):
    """:meth:`CustomOpDef.register_vmap` of an op given by its name or itself."""
    refuse(lib=lib)
    return op_of(op).register_vmap(func)


def refuse(**arguments):
    for name, value in arguments.items():
        if value is not None:
            raise NotImplementedError(f"{name}= is not supported: plugrad has no torch.library.Library")


__all__ = ["register_autocast", "register_autograd", "register_fake", "register_kernel", "register_vmap"]
