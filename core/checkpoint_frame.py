"""One checkpointed call that does not re-enter the engine: what it saved is left out, and computed again when it is needed.

While the function runs, every tensor that a node saves is replaced by an empty :class:`Holder`. The first backward that
asks a holder for its value runs the function again, under hooks that count the saved tensors in the same order and put
each value where its holder finds it.
"""

import weakref
from contextlib import suppress
from contextvars import ContextVar

from .function import Saved, SavedPacked
from .graph import Node
from .hooks import CURRENT_WALK
from .modes import enable_grad
from .recording import SAVED_TENSORS_HOOKS
from .saved_tensors import saved_tensors_hooks
from .tensor import Tensor

_group: ContextVar["GraphExecGroup | None"] = ContextVar("plugrad_graph_exec_group", default=None)

TIP = """
Tip: To see a more detailed error message, either pass `debug=True` to
`torch.utils.checkpoint.checkpoint(...)` or wrap the code block
with `with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):` to
enable checkpoint‑debug mode globally.
"""  # noqa: RUF001 - torch's hyphen


class CheckpointError(RuntimeError):
    """The recomputation of a checkpointed function did not do what its first run did."""


class StopRecomputation(BaseException):
    """All that the backward needs has been computed again; no ``except Exception`` of the user's may catch it."""


class GraphExecGroup:
    """A block of several backward calls that compute each checkpointed region at most once between them.

    The calls must not need the same saved tensor twice.

    Raises:
        RuntimeError: blocks are nested.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.checkpoint import GraphExecGroup, checkpoint
        >>> x = plugrad.ones(2, requires_grad=True)
        >>> a, b = checkpoint(lambda x: (x.sin().sum(), x.exp().sum()), x, use_reentrant=False)
        >>> with GraphExecGroup():
        ...     a.backward(retain_graph=True)
        ...     b.backward()
    """

    def __enter__(self):
        if _group.get() is not None:
            raise RuntimeError(f"GraphExecGroup contexts cannot be nested. Already inside group {_group.get()}")
        _group.set(self)
        return self

    def __exit__(self, *exception):
        _group.set(None)


class Checkpoint(Node):
    """The name under which an error says who saved the arguments."""

    __slots__ = ()


class Holder:
    """Stands in the graph for a tensor that was not saved."""

    __slots__ = ("__weakref__",)


class Recomputation:
    """What one backward pass has computed again.

    Attributes:
        values: the tensors that were not asked for yet; those of holders that died are dropped with them.
        count: how many tensors were saved so far.
    """

    def __init__(self):
        self.values = weakref.WeakKeyDictionary()
        self.count = 0
        self.done = False


class Once:
    """Stands for the backward pass where there is none, as when the user looks at a ``_saved_`` attribute."""


def metadata(tensor):
    """By what the recomputed tensors are compared with the first ones."""
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


class Frame:
    """One checkpointed call.

    Args:
        run: the function again, with its random stream and modes; takes the positional arguments.
        inputs: those arguments; tensors among them are kept as any saved tensor is.
        early_stop: end the recomputation with the last tensor that is needed.
        metadata_of: what must agree of a saved tensor and the recomputed one; None: nothing.
        explain: None, or what to call with a CheckpointError instead of raising it.
    """

    def __init__(self, run, inputs, early_stop, metadata_of, explain):
        self.run = run
        self.inputs = [keep(arg) if isinstance(arg, Tensor) else arg for arg in inputs]
        self.early_stop = early_stop
        self.metadata_of = metadata_of
        self.explain = explain
        self.holders = []
        self.metadata = []
        self.passes = weakref.WeakKeyDictionary()
        self.completed = False
        self.may_save_more = False

    def hooks(self):
        return saved_tensors_hooks(self.pack, self.unpack)

    def pack(self, tensor):
        holder = Holder()
        self.holders.append(weakref.ref(holder))
        self.metadata.append(self.metadata_of(tensor))
        return holder

    def unpack(self, holder):
        try:
            return self.value_of(holder)
        except CheckpointError as error:
            if self.explain is None:
                raise
            raise self.explain() from error

    def value_of(self, holder):
        this_pass = _group.get() or CURRENT_WALK.get() or Once()
        made = self.passes.get(this_pass)
        if made is None:
            made = self.passes[this_pass] = Recomputation()
        if not made.done:
            self.recompute(made)
        if holder not in made.values:
            raise unpacked_twice()
        return made.values.pop(holder)

    def recompute(self, made):
        inputs = [arg.unpack(Checkpoint()) if isinstance(arg, (Saved, SavedPacked)) else arg for arg in self.inputs]
        with suppress(StopRecomputation), saved_tensors_hooks(Refill(self, made), as_it_is), enable_grad():
            self.run(*inputs)
        made.done = True
        self.compare(made)

    def compare(self, made):
        if self.may_save_more:
            return
        if made.count != len(self.holders):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.holders)}\n"
                f"Number of tensors saved during recomputation: {made.count}.\n{TIP}"
            )
        different = []
        for i, (reference, before) in enumerate(zip(self.holders, self.metadata, strict=True)):
            holder = reference()
            if holder is None:
                continue
            now = self.metadata_of(made.values[holder])
            if now != before:
                different.append(f"tensor at position {i}:\nsaved metadata: {before}\nrecomputed metadata: {now}\n")
        if different:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
                f"forward pass.\n{''.join(different)}.\n{TIP}"
            )


class Refill:
    """The packing of the second run: it puts the values where the holders of the first look for them.

    It keeps the tensors as they are as well, so that a backward inside the function works.
    """

    def __init__(self, frame, made):
        self.frame = frame
        self.made = made

    def __call__(self, tensor):
        frame, made = self.frame, self.made
        number = made.count
        made.count += 1
        if number >= len(frame.holders):
            self.one_too_many()
            return tensor
        holder = frame.holders[number]()
        tensor = tensor.detach()
        if holder is not None:  # None: a backward inside the function has used it and let it go
            made.values[holder] = tensor
        if frame.early_stop and made.count == len(frame.holders):
            raise StopRecomputation
        return tensor

    def one_too_many(self):
        if self.frame.completed:
            raise CheckpointError(
                "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original forward pass.\n"
                f"{TIP}"
            )
        # A backward inside the function's first run computes all of it again, also what comes after that backward.
        self.frame.may_save_more = True


def as_it_is(tensor):
    return tensor


def unpacked_twice():
    extra = ""
    if _group.get() is not None:
        extra = (
            "Performing two backward calls that overlap (i.e. require the same saved activation in order to compute gradients) is "
            "not allowed while under the torch.utils.checkpoint.GraphExecGroup context. "
        )
    return CheckpointError(
        f"torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. {extra}If you are calling "
        "ctx.saved_tensors in backward, make sure to do so only once. Otherwise please open an issue with details on your use case."
    )


def keep(tensor):
    """Save an input: through the hooks of the checkpoint around this one, if there is any."""
    hooks = SAVED_TENSORS_HOOKS.get()
    if hooks:
        return SavedPacked(tensor, None, hooks[-1])
    return Saved(tensor, None)


__all__ = ["CheckpointError", "Frame", "GraphExecGroup", "metadata"]
