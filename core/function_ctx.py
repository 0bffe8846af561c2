"""The node of a custom Function, which is at once the ctx through which its forward and backward talk."""

from .errors import IN_PLACE_TEXT, anomaly_hint, bare_name, freed_graph
from .function_batches import gradients_one_by_one, wants_examples
from .function_jvp import dressed, kept_tangent
from .function_names import user_names
from .graph import CLOCK, FREED, Node, Port, as_function
from .intermediates import marked, shown
from .recording import Packed
from .slow import edge_of, rebuild, version_of
from .tensor import Tensor, wrap


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


__all__ = ["BackwardCFunction", "FunctionCtx", "Saved", "SavedPacked"]
