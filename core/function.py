"""autograd.Function: an op of the user's own."""

import functools

from .batching import alongside
from .function_arguments import by_position, check_marks
from .function_batches import (
    forward_of_batch,
    newest_batch,
    one_by_one,
    wants_examples,
)
from .function_ctx import BackwardCFunction, FunctionCtx, Saved, SavedPacked
from .function_jvp import apply_to_duals, level_of, places
from .function_names import set_aside
from .graph import CLOCK, LEAF, ORDERS, Node
from .intermediates import call_of
from .modes import GRAD, no_grad
from .recording import OBSERVERS, SAVED_TENSORS_HOOKS
from .slow import edge_of, new_node
from .tensor import Tensor, alias, wrap
from .views import commit, share_memory


class FunctionMeta(type):
    """Gives every Function its node class, named after it."""

    def __init__(cls, name, bases, members):
        super().__init__(name, bases, members)
        cls._backward_cls = type(
            name + "Backward",
            (BackwardCFunction,),
            {"__slots__": ("tensor_arguments",), "__module__": "torch.autograd.function", "function": cls},
        )


class Function(metaclass=FunctionMeta):
    """Base of custom differentiable functions: static ``forward`` and ``backward``, called by ``apply``.

    forward(ctx, *args) computes; backward(ctx, *grad_outputs) returns one gradient per argument of forward, None where
    there is none. With ``setup_context(ctx, inputs, output)`` forward goes without ctx.

    Example:
        >>> import plugrad
        >>> class Cube(plugrad.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return g * 3 * x**2
        >>> x = plugrad.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    def __init__(self, *args, **kwargs):
        import warnings

        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the "
            "class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with static "
            "forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the result from ``ctx`` and the arguments."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Save what backward needs, when forward is written without ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Return the gradient of each argument of forward."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    generate_vmap_rule = False

    @staticmethod
    def vmap(info, in_dims, *args):
        """Return (outputs for all examples, where the examples are in them), for :func:`plugrad.vmap`; see there.

        Args:
            info: has batch_size and randomness.
            in_dims: per argument the dimension of the examples, or None.
        """
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """Return the tangent of each output of forward, for forward mode."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @classmethod
    def _gradient(cls):
        """The method that computes gradients, by either of its names."""
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
            )
        return cls.vjp

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record it."""
        return applied(cls, args, kwargs)[0]


def applied(cls, args, kwargs, for_jvp=False):
    """(what apply returns, the ctx); ``for_jvp``: jvp will be asked for the tangents."""
    args, kwargs = by_position(cls.forward, args, kwargs, cls.setup_context is Function.setup_context), {}
    batch, given = None, args
    if any(isinstance(a, Tensor) and a._xp.transform is not None for a in args):
        level = level_of(args)
        if level is not None:
            return apply_to_duals(level, cls, args, kwargs)
        batch = newest_batch(args)
        args = alongside(args)
    node = new_node(cls._backward_cls, None, None, None, None)
    node.__init__(tuple(isinstance(a, Tensor) and a._fn is not None for a in args))
    numbers = node.clock, node.order
    before = GRAD.get()
    GRAD.set(False)
    try:
        output = run_forward(cls, node, args, kwargs, batch, given)
    except RuntimeError as error:
        if batch is None or not wants_examples(error):
            raise
        GRAD.set(before)
        return one_by_one(cls.apply, args, batch), node
    finally:
        GRAD.set(before)
    set_aside(node, numbers)
    return _record(node, args, kwargs, output, before, for_jvp), node


def run_forward(cls, node, args, kwargs, batch=None, given=()):
    """What forward returns, after setup_context where there is one; ``batch``: the vmap the arguments are under."""
    if cls.setup_context is Function.setup_context:
        return cls.forward(node, *args, **kwargs)
    output = cls.forward(*args) if batch is None else forward_of_batch(cls, given, args, batch)
    cls.setup_context(node, args, output)
    return output


def _record(node, args, kwargs, output, recording, for_jvp):
    single = not isinstance(output, tuple)
    parts = [output] if single else list(output)
    tensors = [p for p in parts if isinstance(p, Tensor)]
    if not tensors:
        return output
    if node.dirty_tensors or node.non_differentiable:
        check_marks(node, args, parts)
    wanted = recording and any(node.needs_input_grad)
    node.xp = tensors[0]._xp
    node.tensor_arguments = tuple(isinstance(a, Tensor) for a in args)
    node.next = tuple(edge_of(a) if isinstance(a, Tensor) else None for a in args)
    node.order = next(ORDERS)  # forward may have written in place and so renewed the arguments' histories
    node.outputs = len(parts)
    node.shape = tuple(p._a.shape if isinstance(p, Tensor) else None for p in parts)
    node.dtype = tuple(p._a.dtype if isinstance(p, Tensor) else None for p in parts)
    if len(parts) == 1:
        node.shape, node.dtype = node.shape[0], node.dtype[0]
    results = [_result(node, p, args, wanted) for p in parts]
    if for_jvp:
        note_for_jvp(node, args, parts, results)
    else:
        node.saved_for_forward = ()
    node.saved = _keep(node, parts) if wanted else ()
    if wanted and (node.to_save or node.__dict__):
        node.kept_call = call_of(node, args, kwargs, parts)
    node.to_save = ()
    for note in OBSERVERS:
        note(node)
    for i, (part, result) in enumerate(zip(parts, results, strict=True)):
        if isinstance(result, Tensor):
            _attach(node, i, part, result, wanted)
    node.clock = CLOCK.now
    node.dirty_tensors = node.non_differentiable = ()
    return results[0] if single else tuple(results)


def note_for_jvp(node, args, parts, results):
    """What jvp will want to know: what was saved, which outputs have a derivative, which are arguments as they were."""
    node.saved_for_forward = places(node.saved_for_forward, args, parts)
    node.smooth = tuple(
        isinstance(p, Tensor) and p.dtype.kind >= 2 and not _is_one_of(p, node.non_differentiable) for p in parts
    )
    node.returned = tuple(i for i, (p, r) in enumerate(zip(parts, results, strict=True)) if p is not r)


def _is_one_of(tensor, tensors):
    for t in tensors:  # any() of a generator takes three times as long
        if t is tensor:
            return True
    return False


def _result(node, part, args, wanted):
    """An argument returned as it is becomes a view, so that it can have a history of its own."""
    if not isinstance(part, Tensor) or not _is_one_of(part, args) or _is_one_of(part, node.dirty_tensors):
        return part
    made = alias(part)
    if wanted:
        share_memory(made, part, "slice", ((...,),))
    return made


def _keep(node, parts):
    kept = []
    for t in node.to_save:
        if t is None:
            kept.append(None)
            continue
        number = next((i for i, p in enumerate(parts) if p is t), None)
        is_argument = number is not None and t._fn is not None
        has_history = t.dtype.kind >= 2 and not _is_one_of(t, node.non_differentiable)
        output = number if has_history and not is_argument else None
        hooks = SAVED_TENSORS_HOOKS.get()
        kept.append(SavedPacked(t, output, hooks[-1]) if hooks else Saved(t, output))
    return tuple(kept)


def _attach(node, i, part, result, wanted):
    if _is_one_of(part, node.dirty_tensors):
        if wanted and part._fn is LEAF:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        made = wrap(Tensor, node.xp, part._a, node.output_edge(i) if wanted else None)
        commit(result, made)
        return
    differentiable = result.dtype.kind >= 2 and not _is_one_of(part, node.non_differentiable)
    if wanted and differentiable:
        result._fn = node.output_edge(i)
        if result._x is not None and result._x.base is not None:
            result._x.made = "function" if node.outputs == 1 else "several"


def once_differentiable(function):
    """Decorator for ``backward``: it may use anything, but a second derivative through it raises.

    Raises (later): RuntimeError "trying to differentiate twice a function that was marked with @once_differentiable".
    """

    @functools.wraps(function)
    def backward(ctx, *grad_outputs):
        with no_grad():
            found = function(ctx, *grad_outputs)
        recorded = [edge_of(g) for g in grad_outputs if isinstance(g, Tensor) and g.requires_grad]
        if not GRAD.get() or not recorded:
            return found
        edges = (*recorded, *(e for e in ctx.next if e is not None))
        single = not isinstance(found, tuple)
        marked = [_twice(g, edges) for g in ([found] if single else found)]
        return marked[0] if single else tuple(marked)

    return backward


class DelayedError(Node):
    """Stands for the history that a once-differentiable backward does not have.

    It leads to all that the history could lead to: whoever asks for a derivative by one of them must meet it.
    """

    __slots__ = ()
    __module__ = "plugrad.autograd"

    def backward(self, g):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")

    backward_graph = backward


def _twice(g, edges):
    if g is None:
        return None
    return wrap(Tensor, g._xp, g._a, new_node(DelayedError, g._xp, edges, g._a.shape, g._a.dtype))


__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "FunctionMeta", "once_differentiable"]
