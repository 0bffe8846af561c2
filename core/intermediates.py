"""Tensors that a Function's forward makes and keeps for backward, but neither got nor returns: they have no history.

A first derivative may use them as they are. A second one would take them for constants and lose a part without a word.
Under create_graph backward therefore gets them with a node behind them, and a gradient that arrives there raises when
forward, run again with recording on, shows that the tensor depends on an input. Constants and masks do not.
"""

from contextlib import contextmanager

from .graph import LEAF, Node
from .slow import new_node
from .tensor import Tensor, alias, wrap


class Call:
    """One call of a Function: what its forward got, as copies without history, so that it can be run again.

    Attributes:
        labels: where the intermediates are: ("saved", i), or ("name", attribute, *keys).
        shown: whether a recorded backward is looking at them.
    """

    __slots__ = ("args", "behind", "edges", "function", "kwargs", "labels", "needs", "shown")

    def __init__(self, node, args, kwargs, labels):
        self.function = node.function
        self.args = tuple(wrap(Tensor, a._xp, a._a, None) if isinstance(a, Tensor) else a for a in args)
        self.kwargs = kwargs
        self.needs = node.needs_input_grad
        self.edges = node.next
        self.labels = labels
        self.shown = False
        self.behind = None

    def edges_behind(self, label):
        """The inputs that an intermediate depends on, as edges; all of them where forward cannot be recorded."""
        if self.behind is None:
            self.behind = self.find_behind()
        return self.behind[label]

    def find_behind(self):
        wanted = tuple(e for e, need in zip(self.edges, self.needs, strict=True) if need)
        try:
            again = Recorded(self.function, self.args, self.kwargs, self.needs)
            moving = {label: again.moving(label) for label in self.labels}
        except Exception:
            return dict.fromkeys(self.labels, wanted)  # forward leaves the framework
        return {
            label: tuple(e for e, moves in zip(self.edges, found, strict=True) if moves)
            for label, found in moving.items()
        }


class Recorded:
    """A Function's forward run again on copies of its arguments, with recording on and the random stream put back.

    Attributes:
        output: what forward returned, with the history that the engine recorded.
        leaves: a leaf for every argument that needs a gradient, None for the others.
        ctx: the ctx of this run.
    """

    def __init__(self, function, args, kwargs, needs):
        from .function import FunctionCtx, run_forward
        from .generator import fork_rng
        from .modes import enable_grad

        self.leaves = tuple(copied(a, LEAF) if need else None for a, need in zip(args, needs, strict=True))
        self.ctx: FunctionCtx = new_node(function._backward_cls, None, None, None, None)
        self.ctx.__init__(needs)
        with fork_rng(), enable_grad():
            self.args = tuple(
                # a clone, for forward may write to it
                leaf.clone() if leaf is not None else copied(a, None) if isinstance(a, Tensor) else a
                for a, leaf in zip(args, self.leaves, strict=True)
            )
            self.output = run_forward(function, self.ctx, self.args, kwargs)

    def kept(self, label):
        """The intermediate under a label in this run, None where there is none."""
        kind, first, *keys = label
        if kind == "saved":
            return self.ctx.to_save[first] if first < len(self.ctx.to_save) else None
        value = self.ctx.__dict__.get(first)
        for key in keys:
            try:
                value = value[key]
            except (LookupError, TypeError):
                return None
        return value

    def moving(self, label):
        """For every argument whether the intermediate has a derivative by it that is not zero."""
        from .engine import grad
        from .generator import fork_rng
        from .ops.sampling import rand_like

        tensor = self.kept(label)
        if not isinstance(tensor, Tensor) or tensor._fn is None:
            return (False,) * len(self.leaves)
        leaves = [leaf for leaf in self.leaves if leaf is not None]
        with fork_rng():
            weights = rand_like(tensor) + 1
        found = iter(grad(tensor, leaves, weights, retain_graph=True, allow_unused=True))
        gradients = [None if leaf is None else next(found) for leaf in self.leaves]
        return tuple(g is not None and bool((g != 0).any()) for g in gradients)


def copied(tensor, fn):
    return wrap(Tensor, tensor._xp, tensor._xp.copy(tensor._a), fn)


# --- finding them ---
def labels_of(node, known):
    """Where ``node`` keeps differentiable tensors without history that are not among the known ones."""
    labels = [("saved", i) for i, t in enumerate(node.to_save) if is_intermediate(t, known)]
    for name, value in node.__dict__.items():
        if isinstance(value, Tensor):
            if is_intermediate(value, known):
                labels.append(("name", name))
        elif value.__class__ in (list, tuple, dict):
            labels += [("name", name, k) for k, v in entries(value) if is_intermediate(v, known)]
    return tuple(labels)


def is_intermediate(value, known):
    return (
        isinstance(value, Tensor)
        and has_no_history(value)
        and value.dtype.kind >= 2
        and not any(value is k for k in known)
    )


def has_no_history(tensor):
    """Also a view that was made while nothing is recorded: it says that it requires grad, and no gradient reaches it."""
    return tensor._fn is None or (tensor._x is not None and tensor._x.borrowed)


def entries(container):
    return container.items() if isinstance(container, dict) else enumerate(container)


def call_of(node, args, kwargs, parts):
    """The Call to keep with a node; None where forward kept nothing but arguments, outputs and values."""
    labels = labels_of(node, (*args, *parts))
    return Call(node, args, kwargs, labels) if labels else None


# --- showing them to a recorded backward ---
@contextmanager
def shown(ctx, call):
    """A block in which the ctx hands out its intermediates with an :class:`Intermediate` behind them."""
    before = {label[1]: ctx.__dict__.get(label[1]) for label in call.labels if label[0] == "name"}
    put = {}
    for name, value in before.items():
        put[name] = ctx.__dict__[name] = marked_attribute(call, name, value)
    call.shown = True
    try:
        yield
    finally:
        call.shown = False
        for name, value in put.items():
            if ctx.__dict__.get(name) is value:
                ctx.__dict__[name] = before[name]


def marked_attribute(call, name, value):
    if isinstance(value, Tensor):
        return marked(call, ("name", name), value)
    if value.__class__ not in (list, tuple, dict):
        return value
    changed = {k: marked(call, ("name", name, k), v) for k, v in entries(value)}
    return changed if isinstance(value, dict) else value.__class__(changed.values())


def marked(call, label, tensor):
    """The tensor with an Intermediate for its history, if it is one that the call names."""
    if label not in call.labels or not isinstance(tensor, Tensor) or not has_no_history(tensor):
        return tensor
    node = new_node(Intermediate, tensor._xp, (), tensor._a.shape, tensor._a.dtype)
    node.call, node.label = call, label
    made = alias(tensor)
    made._fn = node
    return made


class Intermediate(Node):
    """Stands for the history that a tensor made in a Function's forward does not have."""

    __slots__ = ("call", "label", "unused")
    __module__ = "plugrad.autograd"

    @property
    def next(self):
        return self.call.edges_behind(self.label)

    @next.setter
    def next(self, edges):
        self.unused = edges

    def backward(self, g):
        if self.next:
            raise RuntimeError(lost_derivative(self.call.function, self.label))
        return ()

    backward_graph = backward


def lost_derivative(function, label):
    kind, first, *keys = label
    where = f"argument {first} of save_for_backward" if kind == "saved" else f"ctx.{first}"
    where += "".join(f"[{key!r}]" for key in keys)
    return (
        f"{function.__name__}: the derivative of this backward depends on {where}, a tensor that forward made from its inputs but does "
        "not return. It has no history, so a part of the second derivative would be missing. Save inputs or outputs and compute it "
        "again in backward, return it as one more output, or mark backward with @once_differentiable."
    )


__all__ = ["Recorded", "call_of", "lost_derivative", "marked", "shown"]
