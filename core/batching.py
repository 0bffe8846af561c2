"""What a tensor under vmap holds, and the four recorded ways into and out of it.

Under vmap a tensor is an ordinary Tensor whose namespace is a :class:`~plugrad.core.batched_space.BatchedSpace` and whose
array is a :class:`BatchedArray`: shape and dtype are those of one example, the array inside has the examples in front. The
size of that front axis is the number of examples, or 1 where all examples are the same.

Every vmap has a number of its own, its level; of arrays under several, the newest level is outermost. An array gets there
by ``enter`` (an axis becomes the examples) or ``lift`` (all examples the same) and comes back by ``leave`` or ``total``
(the sum over the examples): each pair is each other's gradient.
"""

import itertools
import operator
import weakref

from .active import ACTIVE
from .graph import Node, Version
from .modes import is_grad_enabled
from .slow import edge_of, new_node
from .tensor import Tensor, wrap

_levels = itertools.count()


class Batch:
    """One vmap: how many examples, and what random numbers mean in it.

    Attributes:
        level: its number; later ones are larger.
        depth: how many transforms were running when it began, itself included; what printing shows.
        randomness: "error", "different" or "same".
    """

    __slots__ = ("depth", "level", "randomness", "size", "spaces")

    def __init__(self, size, randomness="error"):
        self.level = next(_levels)
        self.depth = len(ACTIVE.get()) + 1
        self.size = size
        self.randomness = randomness
        self.spaces = weakref.WeakValueDictionary()  # by id of the base, which lives as long as its space; no cycle

    def space(self, base):
        """The namespace of arrays with this batch in front of arrays of ``base``."""
        from .batched_space import BatchedSpace

        found = self.spaces.get(id(base))
        if found is None:
            found = self.spaces[id(base)] = BatchedSpace(base, self)
        return found


def running_batches():
    """The vmaps that are running, the outermost first."""
    return [t for t in ACTIVE.get() if isinstance(t, Batch)]


class BatchedArray:
    """The arrays of all examples as one: looks like the array of one example.

    Attributes:
        space: its namespace.
        data: the array with the examples in front, of the namespace below.
    """

    __slots__ = ("__weakref__", "data", "dtype", "shape", "space")
    __array_ufunc__ = None  # numpy arrays leave operators with this to it
    __hash__ = object.__hash__

    def __init__(self, space, data):
        self.space = space
        self.data = data
        self.shape = data.shape[1:]
        self.dtype = data.dtype

    def __repr__(self):
        return f"<{self.space.batch.size} arrays of shape {tuple(self.shape)} and {self.dtype}>"

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        n = 1
        for length in self.shape:
            n *= length
        return n

    def __getitem__(self, key):
        return self.space.getitem(self, key)

    def __array__(self, *options, **more):
        raise TypeError("an array under vmap is not an array of the library below it")

    def __bool__(self):
        raise RuntimeError(CONTROL_FLOW)

    def __neg__(self):
        return self.space.made(-self.data)

    def __invert__(self):
        return self.space.made(~self.data)

    def __abs__(self):
        return self.space.abs(self)


CONTROL_FLOW = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, please "
    "file an issue at https://github.com/pytorch/pytorch/issues ."
)


def _binary(function):
    def method(self, other):
        space = self.space
        if other.__class__ is BatchedArray and other.space.batch.level > space.batch.level:
            return NotImplemented  # then the other one's reflected operator is asked
        x, y = space.aligned((self, other))
        return space.made(function(x, y))

    return method


for _name in "add sub mul truediv floordiv mod pow and or xor".split():
    _function = getattr(operator, f"__{_name}__")
    setattr(BatchedArray, f"__{_name}__", _binary(_function))
    setattr(BatchedArray, f"__r{_name}__", _binary(lambda x, y, f=_function: f(y, x)))
for _name in "lt le gt ge eq ne".split():
    setattr(BatchedArray, f"__{_name}__", _binary(getattr(operator, f"__{_name}__")))


# --- the four ways, on arrays: (namespace, array) to (namespace, array) ---
def batch_of(xp):
    """The outermost batch of a namespace, None where there is none."""
    return vars(xp).get("batch")


def batches_of(xp):
    """All batches of a namespace, the outermost first."""
    found = []
    while batch_of(xp) is not None:
        found.append(xp.batch)
        xp = xp.base
    return found


def below(function):
    """Let one of the four ways pass through the levels that are newer than the one it concerns."""

    def way(xp, a, batch, axis=0):
        outer = batch_of(xp)
        if outer is None or outer.level <= batch.level:
            return function(xp, a, batch, axis)
        inner_xp, inner = way(xp.base, a.data, batch, axis + 1)
        space = outer.space(inner_xp)
        return space, BatchedArray(space, inner)

    way.__name__ = function.__name__
    return way


@below
def enter(xp, a, batch, axis):
    """An axis becomes the examples."""
    space = batch.space(xp)
    return space, BatchedArray(space, moved(xp, a, axis, 0))


@below
def leave(xp, a, batch, axis):
    """The examples become an axis."""
    if batch_of(xp) is batch:
        return xp.base, moved(xp.base, xp.every(a), 0, axis)
    shape = a.shape
    return xp, xp.broadcast_to(xp.expand_dims(a, axis), (*shape[:axis], batch.size, *shape[axis:]))


@below
def lift(xp, a, batch, axis):
    """All examples are the same."""
    if batch_of(xp) is batch:
        return xp, a
    space = batch.space(xp)
    return space, BatchedArray(space, xp.expand_dims(a, 0))


@below
def total(xp, a, batch, axis):
    """The sum over the examples."""
    if batch_of(xp) is not batch:
        return xp, a * batch.size
    base, data = xp.base, a.data
    if data.shape[0] == batch.size:
        return base, base.wrap(base.sum(data, (0,), False))
    return base, base.reshape(data, data.shape[1:]) * batch.size


def moved(xp, a, source, target):
    if source == target:
        return a
    order = [i for i in range(len(a.shape)) if i != source]
    order.insert(target, source)
    return xp.permute_dims(a, tuple(order))


ADJOINT = {enter: leave, leave: enter, lift: total, total: lift}
NAMES = {
    enter: "AddBatchDimBackward0",
    leave: "RemoveBatchDimBackward0",
    lift: "ExpandBackward0",
    total: "SumBackward1",
}


# --- the same on tensors, recorded ---
class CrossingBackward(Node):
    """d/dx of one of the four ways: the gradient goes the opposite way."""

    __slots__ = ("batch", "way")
    __module__ = "plugrad.autograd"

    def name(self):
        return NAMES[self.way]

    def check(self):
        return

    def backward(self, g):
        return (ADJOINT[self.way](self.xp, g, self.batch)[1],)

    def backward_graph(self, g):
        return (cross(ADJOINT[self.way], g, self.batch),)


def cross(way, tensor, batch):
    """Take a tensor into or out of a batch; its gradient follows."""
    transform = tensor._xp.transform
    if hasattr(transform, "tangent"):  # value and tangent of a dual go the same way
        return transform.call(lambda part: cross(way, part, batch), tensor)
    xp, a = way(tensor._xp, tensor._a, batch)
    if xp is tensor._xp and a is tensor._a:
        return tensor
    made = wrap(Tensor, xp, a, None)
    if way is not total:
        if tensor._v is None:
            tensor._v = Version()
        made._v = tensor._v
    if tensor._fn is not None and is_grad_enabled():
        node = new_node(CrossingBackward, xp, (edge_of(tensor),), a.shape, a.dtype)
        node.batch, node.way = batch, way
        made._fn = node
    return made


def lifted(tensor, batches):
    """The tensor in the batches given that it is not in yet."""
    have = batches_of(plain_space(tensor._xp))
    for batch in sorted(batches, key=lambda b: b.level):
        if batch not in have:
            tensor = cross(lift, tensor, batch)
    return tensor


def plain_space(xp):
    """The namespace below a transform of another kind, which keeps its values in batches too."""
    while batch_of(xp) is None and xp.transform is not None and hasattr(xp, "base"):
        xp = xp.base
    return xp


def all_batches(values):
    """Every batch that a tensor, or an array inside a static argument, is in."""
    found = {}
    for value in values:
        if isinstance(value, (tuple, list)):
            inside = all_batches(value)
        elif value.__class__ is BatchedArray:
            inside = batches_of(value.space)
        else:
            inside = batches_of(plain_space(value._xp)) if hasattr(value, "_xp") else ()
        found |= {b.level: b for b in inside}
    return list(found.values())


def alongside(tensors):
    """Tensors in one batch or another, all lifted into all of them."""
    batches = all_batches(tensors)
    return tuple(lifted(t, batches) if hasattr(t, "_xp") else t for t in tensors)


class BatchTransform:
    """What core/slow.py asks when a tensor of a batch meets one that is not in it."""

    __slots__ = ("batch",)

    def __init__(self, batch):
        self.batch = batch

    @property
    def rank(self):
        return self.batch.level - (1 << 60)  # below every rank of forward mode

    def settled(self, inputs, statics):
        """Whether all tensors are in all the batches: then there is nothing to do, and the op goes on as without vmap."""
        count = len(all_batches((*inputs, *statics)))
        return all(len(batches_of(plain_space(v._xp))) == count for v in inputs if hasattr(v, "_xp"))

    def apply(self, row, inputs, statics):
        """Bring all tensors into all the batches and call the op again."""
        batches = all_batches((*inputs, *statics))
        return row.function(*(lifted(v, batches) if hasattr(v, "_xp") else v for v in inputs), *statics)

    def together(self, tensors):
        """The tensors in one namespace."""
        return alongside(tensors)

    def to_store(self, x, result):
        """What is to be written into ``x``, in its namespace."""
        if len(all_batches((x, result))) > len(all_batches((x,))):
            raise in_place_on_unbatched()
        return lifted(result, all_batches((x,)))


def refusal(text):
    """An error that no slower path of an op may try to do better than."""
    error = RuntimeError(text)
    error.is_final = True
    return error


def in_place_on_unbatched():
    return refusal(
        "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more "
        "elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over in a vmap. Please try "
        "to use out-of-place operators instead of inplace arithmetic. If said operator is being called inside the PyTorch framework, "
        "please file a bug report instead."
    )


__all__ = [
    "Batch", "BatchedArray", "alongside", "cross", "enter", "leave", "lift", "lifted", "running_batches", "total",
]  # fmt: skip
