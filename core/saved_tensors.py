"""Blocks that decide how saved tensors are kept: saved_tensors_hooks, save_on_cpu, disable_saved_tensors_hooks."""

from contextvars import ContextVar

from .recording import SAVED_TENSORS_HOOKS, watch

_disabled: ContextVar[str | None] = ContextVar("plugrad_saved_tensors_hooks_disabled", default=None)


class saved_tensors_hooks:
    """A block in which every tensor saved for backward goes through ``pack_hook``, and back through ``unpack_hook``.

    Args:
        pack_hook: takes the tensor, returns anything to keep instead of it.
        unpack_hook: takes what was kept, returns a tensor of the same values.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([1.0, 2.0], requires_grad=True)
        >>> with plugrad.autograd.graph.saved_tensors_hooks(lambda t: t.half(), lambda t: t.float()):
        ...     y = x * x
        >>> y.sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        message = _disabled.get()
        if message is not None:
            raise RuntimeError(message)
        SAVED_TENSORS_HOOKS.set((*SAVED_TENSORS_HOOKS.get(), (self.pack_hook, self.unpack_hook)))
        watch(+1)

    def __exit__(self, *exception):
        watch(-1)
        SAVED_TENSORS_HOOKS.set(SAVED_TENSORS_HOOKS.get()[:-1])


class save_on_cpu(saved_tensors_hooks):
    """A block in which tensors saved for backward wait in the host's memory; each use copies them back.

    Raises:
        NotImplementedError: ``pin_memory=True``.
    """

    def __init__(self, pin_memory=False, device_type="cuda"):
        if pin_memory:
            raise NotImplementedError("save_on_cpu: pin_memory=True is not supported")
        super().__init__(lambda t: (t.device, t.cpu()), lambda kept: kept[1].to(kept[0]))


class disable_saved_tensors_hooks:
    """A block in which :class:`saved_tensors_hooks` raises a RuntimeError of the given text."""

    def __init__(self, error_message):
        self.error_message = error_message

    def __enter__(self):
        self._outer = _disabled.get()
        _disabled.set(self.error_message)

    def __exit__(self, *exception):
        _disabled.set(self._outer)


__all__ = ["disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]
