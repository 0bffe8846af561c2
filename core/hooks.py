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

#: None, or a function of a node that gives the context in which its backward runs: the profiler's.
TIMER: ContextVar = ContextVar("plugrad_timer", default=None)


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
                tensor._grad = (
                    grad.clone() if grad._fn is not None else wrap(Tensor, grad._xp, grad._xp.copy(grad._a), None)
                )


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
            if grad is not None and replaced.dtype is not grad.dtype:
                raise RuntimeError(
                    f"hook '{getattr(hook, '__name__', 'hook')}' has changed the type of value (was {grad.type()} got {replaced.type()})"
                )
            grad = replaced
    return grad


def run_post_hooks(hooks, leaf):
    """Call the hooks that wait for a leaf's gradient to be summed; they have nothing to return."""
    from .tensor import Tensor

    for hook in list(hooks.values()):
        found = hook(leaf)
        if isinstance(found, Tensor):
            raise RuntimeError("Tensor post accumulate grad hooks should return None.")
        if found is not None:
            raise TypeError(f"expected Variable, but hook returned '{type(found).__name__}'")


def run_tuple_hooks(hooks, parts, *more):
    """Pass the gradients of a node through its own hooks; each may replace them."""
    for hook in list(hooks.values()):
        replaced = hook(parts, *more)
        if replaced is not None:
            check_replaced(hook, replaced, parts)
            parts = replaced
    return parts


def check_replaced(hook, replaced, parts):
    """Raise when a node's hook returned what can't stand for the gradients it got."""
    from .tensor import Tensor

    name = getattr(hook, "__name__", "hook")
    if not isinstance(replaced, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(replaced).__name__}'")
    if len(replaced) != len(parts):
        raise RuntimeError(
            f"hook '{name}' has returned an incorrect number of values (got {len(replaced)}, but expected {len(parts)})"
        )
    for new, old in zip(replaced, parts, strict=True):
        if new is None:
            continue
        if not isinstance(new, Tensor):
            raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
        if old is None:
            raise RuntimeError("can't replace a None gradient with a non-None value")
        if new._a.shape != old._a.shape:
            raise RuntimeError(f"hook '{name}' has changed the size of value")


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
    """The gradients of several tensors within each pass; ``fn`` gets them once all are there, or at the end of the pass."""

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
            complete = all(g is not None for g in grads)
        if complete:
            self.give(walk)

    def give(self, walk):
        grads = self.passes.pop(walk, None)
        if grads is not None:
            self.fn(grads)


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
        tensors: require grad; with mode "any" others are left out.
        fn: with mode "all" it gets a list of their gradients, None for those not reached, when all are there; with mode
            "any" the first gradient that is.

    Returns a handle whose ``remove()`` takes the hook away.

    Raises:
        ValueError: another mode.
        AssertionError: a tensor does not require grad.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "all" and any(tensor._fn is None for tensor in tensors):
        raise AssertionError("Expected gradient function to be set")
    tensors = [tensor for tensor in tensors if tensor._fn is not None]
    gathered = Gathered(len(tensors), fn) if mode == "all" else First(fn)

    def taker(index):
        return lambda grad: gathered.take(index, grad)

    return MultiHandle(register_tensor_hook(tensor, taker(i)) for i, tensor in enumerate(tensors))


def increment_version(tensor):
    """Count one write to a tensor, or to each of several, that was made behind autograd's back."""
    tensors = (tensor,) if hasattr(tensor, "_bump") else tensor
    for t in tensors:
        t._bump()
