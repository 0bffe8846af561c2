"""autograd.Function under vmap.

A Function's forward and backward are mostly ops, and then they run on all examples at once as they are. Where they ask for
values (numpy inside, Python's if), they are called for one example after the other, unless the Function brings a ``vmap``.
"""

from typing import NamedTuple

from .active import ACTIVE
from .batching import all_batches, cross, enter, leave
from .pytree import broadcast, flatten, unflatten
from .tensor import Tensor
from .vmap import entered, is_batched


class VmapInfo(NamedTuple):
    """What a Function's ``vmap`` is told.

    Attributes:
        batch_size: the number of examples.
        randomness: as given to :func:`plugrad.vmap`.
    """

    batch_size: int
    randomness: str


def newest_batch(values):
    """The outermost batch that a tensor among the values is in, None without one."""
    batches = all_batches([v for v in values if isinstance(v, Tensor) and v._xp.transform is not None])
    return max(batches, key=lambda batch: batch.level, default=None)


def wants_examples(error):
    """Whether an error says that values were asked for."""
    return getattr(error, "is_final", False)


# --- forward ---
def forward_of_batch(cls, given, args, batch):
    """What forward, without ctx, gives for tensors under vmap.

    Args:
        given: the arguments as they came; ``args`` has all of their tensors in one namespace.
    """
    from .function import Function

    if cls.vmap is not Function.vmap:
        if cls.generate_vmap_rule:
            raise RuntimeError(
                f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod. "
                "Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity. For more details, "
                "please see https://pytorch.org/docs/main/notes/extending.func.html"
            )
        return by_own_rule(cls, given, batch)
    try:
        return cls.forward(*args)
    except RuntimeError as error:
        if not wants_examples(error):
            raise
    return one_by_one(cls.forward, args, batch)


def by_own_rule(cls, args, batch):
    """What the Function's ``vmap`` gives: it gets whole tensors, and where their examples are."""
    dims = tuple(0 if is_batched(a, batch) else None for a in args)
    whole = [a if dim is None else cross(leave, a, batch) for a, dim in zip(args, dims, strict=True)]
    token = ACTIVE.set(tuple(t for t in ACTIVE.get() if t is not batch))
    try:
        found = cls.vmap(VmapInfo(batch.size, batch.randomness), dims, *whole)
    finally:
        ACTIVE.reset(token)
    output, out_dims = checked_pair(found)
    leaves, structure = flatten(output)
    places = broadcast(out_dims, structure)
    if places is None:
        raise RuntimeError(
            f"The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. Expected out_dims={out_dims} "
            f"to be compatible with the structure of `output`. out_dims has structure {flatten(out_dims)[1]} but output has structure "
            f"{structure}. For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"
        )
    made = [t if dim is None else entered(t, dim, batch) for t, dim in zip(leaves, places, strict=True)]
    return unflatten(made, structure)


def checked_pair(found):
    expected = "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with the output. "
    if not isinstance(found, tuple):
        raise RuntimeError(f"{expected}Got a {type(found)} instead")
    if len(found) != 2:
        raise RuntimeError(f"{expected}Got {len(found)} returns instead")
    return found


# --- one example after the other ---
def one_by_one(function, args, batch):
    """The outputs of a function of tensors, stacked."""
    rows = [function(*(example(a, batch, i) for a in args)) for i in range(batch.size)]
    return stacked(rows, batch)


def stacked(rows, batch):
    from .ops.join import stack

    if not isinstance(rows[0], tuple):
        return cross(enter, stack(rows), batch) if isinstance(rows[0], Tensor) else rows[0]
    return tuple(stacked(list(parts), batch) for parts in zip(*rows, strict=True))


def example(value, batch, i):
    """What a value is for the i-th example."""
    if isinstance(value, (tuple, list)):
        return type(value)(example(part, batch, i) for part in value)
    return cross(leave, value, batch)[i] if is_batched(value, batch) else value


class ExampleCtx:
    """The ctx of a Function as one example sees it."""

    def __init__(self, ctx, batch, i):
        self.__dict__.update(ctx=ctx, batch=batch, number=i)

    def __getattr__(self, name):
        return example(getattr(self.ctx, name), self.batch, self.number)

    def __setattr__(self, name, value):
        setattr(self.ctx, name, value)


def gradients_one_by_one(rule, ctx, incoming):
    """What backward gives, called for one example after the other."""
    batch = newest_batch([*incoming, *(t for t in ctx.saved_tensors if t is not None)])
    rows = [rule(ExampleCtx(ctx, batch, i), *(example(g, batch, i) for g in incoming)) for i in range(batch.size)]
    return stacked(rows, batch)


__all__ = [
    "VmapInfo",
    "forward_of_batch",
    "gradients_one_by_one",
    "newest_batch",
    "one_by_one",
    "wants_examples",
]
