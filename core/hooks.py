"""Hooks on tensors and nodes, and retained gradients."""

import itertools
import threading
import weakref
from collections import OrderedDict
from contextvars import ContextVar

from .graph import LEAF, NODE

_ids = itertools.count()

#: The backward pass that is running, for hooks that belong to a whole pass.
CURRENT_WALK: ContextVar = ContextVar("plugrad_current_walk", default=None)


class RemovableHandle:
    """Removes its hook by ``remove()``, or at the end of a with block."""

    def __init__(self, hooks):
        self.id = next(_ids)
        self._hooks = weakref.ref(hooks)

    def remove(self):
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


class HookDict(OrderedDict):
    """Hooks by handle number, in the order they were registered."""


def add_hook(hooks, hook):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


class NodeHooks:
    """What runs around one node's backward.

    Attributes:
        outputs: hooks by output number, in the order registered; they see one gradient each.
        retained: by output number, what writes the gradient into the tensor's ``.grad``, after the hooks.
        pre, post: the node's own hooks.
        packed: names of the saved values that hooks on saved tensors have packed.
    """

    __slots__ = ("outputs", "packed", "post", "pre", "retained")

    def __init__(self):
        self.outputs = {}
        self.retained = {}
        self.pre = HookDict()
        self.post = HookDict()
        self.packed = ()

    @staticmethod
    def add(hooks, hook):
        return add_hook(hooks, hook)

    def of_output(self, index):
        return self.outputs.setdefault(index, HookDict())


def node_hooks(node):
    if node.hooks is None:
        node.hooks = NodeHooks()
    return node.hooks


def _node_and_index(tensor):
    fn = tensor._fn
    return (fn, 0) if fn._kind == NODE else (fn.node, fn.index)


def register_tensor_hook(tensor, hook):
    if tensor._fn is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if tensor._fn is LEAF:
        extra = tensor._extra()
        if extra.hooks is None:
            extra.hooks = HookDict()
        return add_hook(extra.hooks, hook)
    node, index = _node_and_index(tensor)
    return add_hook(node_hooks(node).of_output(index), hook)


def register_post_accumulate_hook(tensor, hook):
    if tensor._fn is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if tensor._fn is not LEAF:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    extra = tensor._extra()
    if extra.post_hooks is None:
        extra.post_hooks = HookDict()
    return add_hook(extra.post_hooks, hook)


class Retain:
    """Sums the gradient into ``tensor.grad``; the tensor is held weakly, so the graph has no cycle."""

    def __init__(self, tensor):
        self.tensor = weakref.ref(tensor)

    def __call__(self, grad):
        tensor = self.tensor()
        if tensor is not None:
            from .tensor import Tensor, wrap

            before = getattr(tensor, "_grad", None)
            if before is not None:
                tensor._grad = before + grad
            else:
                # A copy: gradients inside the walk may share memory.
                tensor._grad = grad if grad._fn is not None else wrap(Tensor, grad._xp, grad._xp.copy(grad._a), None)


def retain_grad(tensor):
    if tensor._fn is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if tensor._fn is LEAF or tensor.retains_grad:
        return
    tensor._extra().retains = True
    node, index = _node_and_index(tensor)
    node_hooks(node).retained[index] = Retain(tensor)


def move_retained(tensor, before):
    """After an in-place op: the gradient to keep is that of the tensor's new value, no longer that of ``before``."""
    if before is not None and before is not LEAF:
        node, index = (before, 0) if before._kind == NODE else (before.node, before.index)
        node_hooks(node).retained.pop(index, None)
    if tensor._fn is None or tensor._fn is LEAF:
        tensor._x.retains = False
        return
    node, index = _node_and_index(tensor)
    node_hooks(node).retained[index] = Retain(tensor)


def run_tensor_hooks(hooks, grad):
    """Pass a gradient Tensor (None: of an output that got none) through hooks; each may replace it."""
    from .tensor import Tensor

    for hook in list(hooks.values()):
        replaced = hook(grad)
        if replaced is not None:
            if not isinstance(replaced, Tensor):
                raise TypeError(f"expected Variable, but hook returned '{type(replaced).__name__}'")
            if grad is not None and replaced._a.shape != grad._a.shape:
                raise RuntimeError(f"hook '{getattr(hook, '__name__', 'hook')}' has changed the size of value")
            grad = replaced
    return grad


def run_tuple_hooks(hooks, parts, *more):
    """Pass the gradients of a node through its own hooks; each may replace them."""
    for hook in list(hooks.values()):
        replaced = hook(parts, *more)
        if replaced is not None:
            parts = replaced if isinstance(replaced, tuple) else (replaced,)
    return parts


class MultiHandle:
    """Removes one hook from several tensors."""

    def __init__(self, handles):
        self.handles = tuple(handles)

    def remove(self):
        for handle in self.handles:
            handle.remove()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


class Gathered:
    """The gradients of several tensors within each pass; ``fn`` gets them all, at the end of the pass."""

    def __init__(self, count, fn):
        self.count = count
        self.fn = fn
        self.lock = threading.Lock()
        self.passes = weakref.WeakKeyDictionary()

    def take(self, index, grad):
        walk = CURRENT_WALK.get()
        with self.lock:
            grads = self.passes.get(walk)
            if grads is None:
                grads = self.passes[walk] = [None] * self.count
                walk.callbacks.append(self.give)
        grads[index] = grad

    def give(self, walk):
        self.fn(self.passes.pop(walk))


class First:
    """The first gradient of each pass."""

    def __init__(self, fn):
        self.fn = fn
        self.lock = threading.Lock()
        self.passes = weakref.WeakSet()

    def take(self, index, grad):
        walk = CURRENT_WALK.get()
        with self.lock:
            new = walk not in self.passes
            self.passes.add(walk)
        if new:
            self.fn(grad)


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Call ``fn`` once per backward that reaches any of ``tensors``.

    Args:
        tensors: require grad.
        fn: with mode "all" it gets a list of their gradients, None for those not reached, when all are there; with mode
            "any" the first gradient that is.

    Returns a handle whose ``remove()`` takes the hook away.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    gathered = Gathered(len(tensors), fn) if mode == "all" else First(fn)

    def taker(index):
        return lambda grad: gathered.take(index, grad)

    return MultiHandle(register_tensor_hook(tensor, taker(i)) for i, tensor in enumerate(tensors))


def increment_version(tensor):
    """Count one write to a tensor, or to each of several, that was made behind autograd's back."""
    tensors = (tensor,) if hasattr(tensor, "_bump") else tensor
    for t in tensors:
        t._bump()
