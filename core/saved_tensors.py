"""Saved tensors: blocks that decide how they are kept, and what a node shows of them."""

from contextlib import contextmanager
from contextvars import ContextVar

from .errors import freed_graph
from .graph import FREED
from .hooks import node_hooks
from .recording import SAVED_TENSORS_HOOKS, Packed, edge_of_saved, pack_array, watch
from .slow import rebuild

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

    Args:
        pin_memory: keep a copy of host tensors too, as torch does. There is no pinned memory: copies wait for the device.
        device_type: not used; the tensors' own devices are.
    """

    def __init__(self, pin_memory=False, device_type="cuda"):
        pack = copied_to_cpu if pin_memory else to_cpu
        super().__init__(pack, lambda kept: kept[1].to(kept[0]))


def to_cpu(tensor):
    return tensor.device, tensor.detach().cpu()


def copied_to_cpu(tensor):
    return tensor.device, tensor.detach().to("cpu", copy=True)


@contextmanager
def disable_saved_tensors_hooks(error_message):
    """A block in which :class:`saved_tensors_hooks` raises.

    Args:
        error_message: the text of its RuntimeError.

    Raises:
        RuntimeError: the block is entered inside one of saved_tensors_hooks.
    """
    if SAVED_TENSORS_HOOKS.get():
        raise RuntimeError(error_message)
    before = _disabled.get()
    _disabled.set(error_message)
    try:
        yield
    finally:
        _disabled.set(before)


# --- what a node keeps, as the user sees it ---
class SavedTensor:
    """One value that a node keeps, before hooks have unpacked it: what ``_raw_saved_self`` and the like give.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([1.0, 2.0], requires_grad=True)
        >>> y = x.exp()
        >>> y.grad_fn._raw_saved_result.register_hooks(lambda t: t.tolist(), plugrad.tensor)
        >>> y.sum().backward()
        >>> x.grad
        tensor([2.7183, 7.3891])
    """

    __slots__ = ("_name", "_node")

    def __init__(self, node, name):
        self._node = node
        self._name = name

    def _kept(self):
        if self._node.clock == FREED:
            raise freed_graph()
        return getattr(self._node, self._name, None)

    @property
    def data(self):
        """The tensor kept, or what a hook made of it."""
        kept = self._kept()
        return kept.value if isinstance(kept, Packed) else self.unpack()

    def unpack(self):
        """Return the tensor with its history."""
        kept, node = self._kept(), self._node
        a = kept.array() if isinstance(kept, Packed) else kept
        return rebuild(node.xp, a, edge_of_saved(node, self._name))

    @property
    def unpack_hook(self):
        """The hook that unpacks it, None where there is none."""
        return getattr(self._kept(), "unpack", None)

    def register_hooks(self, pack_hook, unpack_hook):
        """Keep ``pack_hook(tensor)`` from now on, and ask ``unpack_hook`` for the tensor when it is needed.

        Raises:
            RuntimeError: there are hooks already, the value is None, or the graph was freed.
        """
        check_hooks(self._node, pack_hook, unpack_hook)
        kept, node = self._kept(), self._node
        if isinstance(kept, Packed):
            raise hooked_already()
        if not isinstance(kept, node.xp.array_type):
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        pack_array(node, self._name, pack_hook, unpack_hook)
        hooks = node_hooks(node)
        hooks.packed = (*hooks.packed, self._name)


def check_hooks(node, *hooks):
    if node.clock == FREED:
        raise RuntimeError(
            "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are freed when "
            "you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second "
            "time or if you need to access saved variables after calling backward."
        )
    for hook in hooks:
        if not callable(hook):
            raise TypeError(f"incompatible function arguments: expected a function, but got {type(hook).__name__}")


def hooked_already():
    return RuntimeError(
        "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is allowed at a time."
    )


class SavedOfFunction(SavedTensor):
    """One tensor that save_for_backward got; ``_name`` is its number."""

    __slots__ = ()

    def _kept(self):
        if self._node.clock == FREED:
            raise freed_graph()
        return self._node.saved[self._name]

    @property
    def data(self):
        """The tensor kept, or what a hook made of it."""
        kept = self._kept()
        return kept.packed.value if hasattr(kept, "packed") else self.unpack()

    def unpack(self):
        """Return the tensor with its history."""
        kept = self._kept()
        return None if kept is None else kept.unpack(self._node)

    @property
    def unpack_hook(self):
        """The hook that unpacks it, None where there is none."""
        kept = self._kept()
        return kept.packed.unpack if hasattr(kept, "packed") else None

    def register_hooks(self, pack_hook, unpack_hook):
        """As :meth:`SavedTensor.register_hooks`."""
        from .function import SavedPacked

        check_hooks(self._node, pack_hook, unpack_hook)
        node, kept = self._node, list(self._node.saved)
        before = self._kept()
        if before is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        if hasattr(before, "packed"):
            raise hooked_already()
        kept[self._name] = SavedPacked(before.unpack(node), before.output, (pack_hook, unpack_hook))
        node.saved = tuple(kept)


def add_raw_properties(node_class):
    """Give a node class ``_raw_saved_x`` for each ``_saved_x`` that may be a tensor."""
    from .compile import PUBLIC_SAVED

    for name in node_class.saved_arrays:
        setattr(node_class, "_raw_saved_" + PUBLIC_SAVED.get(name, name), raw_property(name))


def raw_property(name):
    return property(lambda node: SavedTensor(node, name))


__all__ = ["SavedTensor", "disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]
