"""autograd.Function: an op of the user's own, and the ctx through which its forward and backward talk."""

import functools

from .batching import alongside
from .errors import IN_PLACE_TEXT, anomaly_hint, bare_name, freed_graph
from .function_arguments import by_position, check_marks
from .function_batches import (
    forward_of_batch,
    gradients_one_by_one,
    newest_batch,
    one_by_one,
    wants_examples,
)
from .function_jvp import apply_to_duals, dressed, kept_tangent, level_of, places
from .function_names import set_aside, user_names
from .graph import CLOCK, FREED, LEAF, ORDERS, Node, Port, as_function
from .intermediates import call_of, marked, shown
from .modes import GRAD, no_grad
from .recording import OBSERVERS, SAVED_TENSORS_HOOKS, Packed
from .slow import edge_of, new_node, rebuild, version_of
from .tensor import Tensor, alias, wrap
from .views import commit, share_memory


class Saved:
    """One tensor given to save_for_backward: an output by number and array (no cycle), any other as it is."""

    __slots__ = ("array", "clock", "duals", "output", "tensor", "version")

    def __init__(self, tensor, output):
        self.duals = ()
        self.output = output
        self.array = tensor._a if output is not None else None
        self.tensor = tensor if output is None else None
        self.version = version_of(tensor)
        self.clock = CLOCK.now

    def unpack(self, node):
        if self.version.clock > self.clock:
            raise self.changed(node)
        if self.output is None:
            return self.tensor
        made = rebuild(node.xp, self.array, node.output_edge(self.output))
        return dressed(made, self.duals) if self.duals else made

    def dress(self, level, moving, slopes):
        """Keep tangents: ``moving`` lists (value, dual, tangent) of arguments, ``slopes`` the tangents of the outputs."""
        if self.output is not None:
            self.duals += kept_tangent(level, slopes[self.output])
        self.tensor = next((dual for value, dual, _ in moving if value is self.tensor), self.tensor)

    def changed(self, node):
        from .diagnostics.failures import note_in_place

        if self.output is None:
            edge = edge_of(self.tensor)
            origin = as_function(edge)[0]
            where = (
                f", which is output {self.tensor.output_nr} of {bare_name(origin)},"
                if origin and self.tensor.grad_fn
                else ""
            )
            a, xp = self.tensor._a, self.tensor._xp
        else:
            where = f", which is output {self.output} of {bare_name(node)},"
            a, xp = self.array, node.xp
        prefix = "torch." if xp.device_type == "cpu" else f"torch.{xp.device_type}."
        error = RuntimeError(
            f"{IN_PLACE_TEXT}[{prefix}{xp.to_dtype[a.dtype].type_name} {list(a.shape)}]{where} is at version {self.version.count}; "
            f"expected version {self.version.expected_by(self.clock)} instead. {anomaly_hint()}"
        )
        return note_in_place(error, node, self.version, self.tensor)


class SavedPacked:
    """One tensor given to save_for_backward that a hook on saved tensors has packed."""

    __slots__ = ("duals", "edge", "packed", "xp")

    def __init__(self, tensor, output, hooks):
        self.edge = edge_of(tensor) if output is None else output
        self.packed = Packed(*hooks, tensor._xp, tensor._a, None if output is not None else self.edge)
        self.xp = tensor._xp
        self.duals = ()

    def unpack(self, node):
        edge = node.output_edge(self.edge) if isinstance(self.edge, int) else self.edge
        made = rebuild(self.xp, self.packed.array(), edge)
        return dressed(made, self.duals) if self.duals else made

    def dress(self, level, moving, slopes):
        """Keep tangents, as :meth:`Saved.dress`; of an argument, the hook is given the value only."""
        if isinstance(self.edge, int):
            self.duals += kept_tangent(level, slopes[self.edge])
            return
        tangent = next((t for value, _, t in moving if id(value._a) == self.packed.address), None)
        self.duals += kept_tangent(level, tangent)


class FunctionCtx(Node):
    """The node of a custom Function, and at once the ``ctx`` its methods receive; attributes may be set freely.

    Attributes:
        needs_input_grad: one bool per argument of apply.
        saved_tensors: what save_for_backward got; raises when it was freed or changed in place.
    """

    __slots__ = (
        "__dict__",
        "as_user",
        "aside",
        "dirty_tensors",
        "jvp_saved",
        "kept_call",
        "materialize_grads",
        "needs_input_grad",
        "non_differentiable",
        "outputs",
        "returned",
        "saved",
        "saved_for_forward",
        "smooth",
        "to_save",
    )
    __module__ = "torch.autograd.function"
    fills_zeros = False
    releases = True

    def __init__(self, needs):
        self.needs_input_grad = needs
        self.aside = None
        self.as_user = False
        self.kept_call = None
        self.returned = self.smooth = self.tensor_arguments = ()
        self.saved_for_forward = ()
        self.jvp_saved = None
        self.to_save = ()
        self.saved = ()
        self.dirty_tensors = ()
        self.non_differentiable = ()
        self.materialize_grads = True
        self.outputs = 1

    @classmethod
    def name(cls):
        return cls.__name__

    def __repr__(self):
        return f"<torch.autograd.function.{type(self).__name__} object at {hex(id(self))}>"

    @property
    def next_functions(self):
        return tuple(as_function(e) for e, is_tensor in zip(self.next, self.tensor_arguments, strict=True) if is_tensor)

    def save_for_backward(self, *tensors):
        """Keep tensors for backward; call it at most once, in forward or setup_context."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors for jvp, which finds them in ``saved_tensors``; call it at most once, in forward or setup_context."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_forward can only save variables, but argument {tensors.index(t)} is of type {type(t).__name__}"
                )
        self.saved_for_forward = tensors

    @property
    def _raw_saved_tensors(self):
        from .saved_tensors import SavedOfFunction

        if self.clock == FREED:
            raise freed_graph()
        return tuple(SavedOfFunction(self, i) for i in range(len(self.saved)))

    @property
    def saved_variables(self):
        import warnings

        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2)
        return self.saved_tensors

    @property
    def saved_tensors(self):
        if self.as_user:
            with user_names(self, False):
                return self.saved_tensors
        if self.jvp_saved is not None:
            return self.jvp_saved
        if self.clock == FREED:
            raise freed_graph()
        tensors = tuple(None if s is None else s.unpack(self) for s in self.saved)
        if self.kept_call is None or not self.kept_call.shown:
            return tensors
        return tuple(marked(self.kept_call, ("saved", i), t) for i, t in enumerate(tensors))

    def mark_dirty(self, *tensors):
        """Say which arguments forward changed in place; each must be returned as well."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors):
        """Say which outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value):
        """Whether backward gets zeros (the default) or None for an output that was not used."""
        self.materialize_grads = value

    def output_edge(self, index):
        return self if self.outputs == 1 else Port(self, index, self.shape[index], self.dtype[index])

    # --- what the engine calls ---
    def check(self):
        """The saved tensors are checked when backward asks for them."""

    def release(self):
        self.kept_call = None
        if self.saved:
            self.saved = ()
            self.clock = FREED

    def _incoming(self, g):
        parts = g if self.outputs > 1 else [g]
        full = []
        for i, part in enumerate(parts):
            if part is None and self.materialize_grads and (self.outputs == 1 or self.shape[i] is not None):
                part = self._zeros(i)
            full.append(part)
        return full

    def _zeros(self, i):
        shape, dtype = (self.shape, self.dtype) if self.outputs == 1 else (self.shape[i], self.dtype[i])
        return wrap(Tensor, self.xp, self.xp.zeros(shape, dtype), None)

    def backward(self, g):
        parts = g if self.outputs > 1 else [g]
        tensors = [None if p is None else wrap(Tensor, self.xp, self.xp.wrap(p), None) for p in parts]
        found = self._gradients(tensors if self.outputs > 1 else tensors[0])
        return tuple(None if t is None else t._a for t in found)

    def backward_graph(self, g):
        if self.kept_call is None:
            return self._gradients(g)
        with shown(self, self.kept_call):
            return self._gradients(g)

    def _gradients(self, g):
        rule, incoming = self.function._gradient(), self._incoming(g)
        if self.aside is None:
            return check_gradients(self, self._found(rule, incoming))
        with user_names(self):
            found = self._found(rule, incoming)
        return check_gradients(self, found)

    def _found(self, rule, incoming):
        try:
            return rule(self, *incoming)
        except RuntimeError as error:
            if not wants_examples(error):
                raise
        return gradients_one_by_one(rule, self, incoming)


def check_gradients(node, found):
    """As many gradients as apply had arguments, None for what is no tensor, shapes that fit."""
    found = list(found) if isinstance(found, tuple) else [found]
    expected = len(node.next)
    while len(found) > expected and found[-1] is None:
        found.pop()
    if len(found) != expected:
        raise RuntimeError(
            f"function {node.name()} returned an incorrect number of gradients (expected {expected}, got {len(found)})"
        )
    for i, g in enumerate(found):
        if g is None:
            continue
        if not isinstance(g, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
        if not node.tensor_arguments[i]:
            raise RuntimeError(
                f"function {node.name()} returned a gradient different than None at position {i + 1}, but the corresponding forward "
                "input was not a Variable"
            )
        edge = node.next[i]
        if edge is not None:
            _check_shape(node, i, g, edge)
    return tuple(found)


def _check_shape(node, i, g, edge):
    want = tuple(getattr(edge, "_a", edge).shape)
    have = tuple(g._a.shape)
    if have == want:
        return
    fits = len(have) >= len(want) and all(n in (1, m) for n, m in zip(reversed(want), reversed(have), strict=False))
    if not fits:
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient at index {i} - got {list(have)} but expected shape compatible with "
            f"{list(want)}"
        )


class BackwardCFunction(FunctionCtx):
    """The node of a custom Function by torch's name; each Function has a subclass of its own."""

    __slots__ = ()

    @property
    def _forward_cls(self):
        return self.function

    def apply(self, *gradients):
        """Return what the Function's backward gives for the gradients of the outputs."""
        return self.function._gradient()(self, *gradients)


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


def applied(cls, args, kwargs):
    """(what apply returns, the ctx)."""
    args, kwargs = by_position(cls.forward, args, kwargs, cls.setup_context is Function.setup_context), {}
    level = level_of(args)
    if level is not None:
        return apply_to_duals(level, cls, args, kwargs)
    batch, given = newest_batch(args), args
    if batch is not None:
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
    return _record(node, args, kwargs, output, before), node


def run_forward(cls, node, args, kwargs, batch=None, given=()):
    """What forward returns, after setup_context where there is one; ``batch``: the vmap the arguments are under."""
    if cls.setup_context is Function.setup_context:
        return cls.forward(node, *args, **kwargs)
    output = cls.forward(*args) if batch is None else forward_of_batch(cls, given, args, batch)
    cls.setup_context(node, args, output)
    return output


def _record(node, args, kwargs, output, recording):
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
    note_for_jvp(node, args, parts, results)
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
    node.saved_for_forward = places(node.saved_for_forward, args, parts) if node.saved_for_forward else ()
    node.smooth = tuple(
        isinstance(p, Tensor) and p.dtype.kind >= 2 and not _is_one_of(p, node.non_differentiable) for p in parts
    )
    node.returned = tuple(i for i, (p, r) in enumerate(zip(parts, results, strict=True)) if p is not r)


def _is_one_of(tensor, tensors):
    return any(tensor is t for t in tensors)


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
