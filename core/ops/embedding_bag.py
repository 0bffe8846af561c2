"""Sums, means and maxima over bags of rows of a table.

In torch the gradient of a bag has no derivative of its own; here it has.
"""

from .. import dtypes
from ..compile import general, linear
from ..errors import two_devices
from ..tensor import Tensor, wrap
from ..watching import watch


def _bag_vjp(xp, g, x, weights, x_shape, index, bag, share, scaled, divisor, needs):
    for_x = for_weights = None
    if needs[0]:
        spread = xp.weighted_rows(xp.bag_spread(g, bag, scaled, divisor), weights)
        for_x = xp.embedding_backward(spread, index, x_shape[0], None, False)
    if needs[1]:
        spread = xp.bag_spread(g, bag, share, divisor)
        for_weights = xp.sum(spread * xp.embedding(x, index, None, False), (1,), False)
    return for_x, for_weights


def _bag_tangent(xp, x, weights, t_x, t_weights, index, bag, share, divisor, bags):
    total = None
    if t_x is not None:
        total = xp.weighted_rows(xp.embedding(t_x, index, None, False), weights)
    if t_weights is not None:
        part = xp.weighted_rows(xp.embedding(x, index, None, False), t_weights)
        total = part if total is None else total + part
    return xp.bag_sum(total, bag, share, divisor, bags)


embedding_bag_ = general(
    "embedding_bag_(x, weights?, *, index, bag, share, scaled, divisor, bags)",
    vjp=_bag_vjp,
    jvp=_bag_tangent,
    doc="sums or means over bags of the rows of x at an index, each times its weight and share",
    xp="embedding_bag",
    node="EmbeddingBagBackward0",
)
embedding_bag_max_ = general(
    "embedding_bag_max_(x, *, index, bag, bags) -> out, places:no, filled:no",
    lambda xp, g, places, filled, x_shape: xp.gather_backward(g * filled, places, 0, tuple(x_shape)),
    doc="the largest elements in bags of rows of x, and the rows they are from",
    xp="embedding_bag_max",
    node="EmbeddingBagBackward0",
)
bag_sum = linear(
    "bag_sum(y, *, bag, share, divisor, bags)",
    lambda xp, g, bag, share, divisor: xp.bag_spread(g, bag, share, divisor),
    doc="sums over bags of rows, each times its share, divided by a number of the bag",
    node="EmbeddingBagBackward0",
)
bag_spread = linear(
    "bag_spread(x, *, bag, share, divisor)",
    lambda xp, g, x_shape, bag, share, divisor: xp.bag_sum(g, bag, share, divisor, x_shape[0]),
    doc="the divided row of x of each place's bag, times its share: the transpose of bag_sum",
    node="EmbeddingBagBackwardBackward0",
)

SUM, MEAN, MAX = range(3)


def embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode=SUM,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sums, means or maxima over bags of rows of a table, and what torch's kernel keeps beside them.

    Args:
        weight: the table (rows, D).
        indices: int64 or int32 row numbers, of all bags one after the other.
        offsets: where each bag begins.
        scale_grad_by_freq: divide each row's gradient by how often it is met; not in a maximum.
        mode: 0 for sums, 1 for means, 2 for maxima.
        sparse: only False: there are no sparse gradients.
        per_sample_weights: by what each row is multiplied in a sum.
        include_last_offset: the last offset is where the last bag ends; what comes after it is left out.
        padding_idx: a row that counts for nothing and gets no gradient; negative counts from the end.

    Returns:
        The result (bags, D); the bag of each place, the sizes of the bags and the rows of the maxima, the last three as far
        as torch's kernel for this mode and dtype needs them.

    Raises:
        RuntimeError: dtypes, sizes, row numbers or offsets do not fit.
        NotImplementedError: ``sparse=True``.

    Example:
        >>> import plugrad
        >>> table, indices = plugrad.tensor([[1.0], [2.0], [4.0]]), plugrad.tensor([0, 1, 2])
        >>> plugrad.embedding_bag(table, indices, plugrad.tensor([0, 2]))[0]
        tensor([[3.],
                [4.]])
    """
    _check_kinds(weight, indices, offsets, per_sample_weights)
    if sparse:
        raise NotImplementedError("embedding_bag: sparse=True is not supported: there are no sparse gradients")
    whole = dtypes.promote_types(indices.dtype, offsets.dtype)
    _check(weight, indices, offsets, whole, mode, per_sample_weights, padding_idx)
    if padding_idx is not None:
        padding_idx %= weight.size(0)
    if include_last_offset and not offsets.numel():
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    layout = Layout(weight, indices, offsets, whole, include_last_offset, padding_idx, per_sample_weights)
    if mode == MAX:
        return layout.maxima(weight)
    return layout.sums(weight, mode == MEAN, bool(scale_grad_by_freq))


class Layout:
    """Which row is in which bag, as raw arrays."""

    def __init__(self, weight, indices, offsets, whole, include_last_offset, padding_idx, weights):
        xp = self.xp = indices._xp
        self.dtype = getattr(xp, weight.dtype.name)
        native = getattr(xp, whole.name)
        self.indices, self.native, self.weights = indices, native, weights
        index, starts = (a if a.dtype == native else xp.astype(a, native) for a in (indices._a, offsets._a))
        self.index = xp.reshape(index, (indices.numel(),))
        self.count = starts.shape[0] - bool(include_last_offset)
        if not self.count:
            self.cut(0)
        elif include_last_offset and xp.values_at_hand:
            self.cut(int(starts[-1]))
        n = self.index.shape[0]
        self.kept = None if padding_idx is None else self.index != padding_idx
        self.bag = xp.bag_of_places(starts, n)
        if include_last_offset and not xp.values_at_hand:  # how many places are left is not known
            inside = self.bag < self.count
            self.kept = inside if self.kept is None else xp.logical_and(self.kept, inside)
            self.bag = xp.minimum(self.bag, xp.full((), max(self.count - 1, 0), xp.int64))
        self.padded = padding_idx is not None

    def cut(self, count):
        """Leave out the places from a number on."""
        if count < self.index.shape[0]:
            self.index = self.xp.part(self.index, 0, 0, count)
            self.weights = None if self.weights is None else self.weights[:count]

    def sums(self, weight, mean, by_count):
        xp = self.xp
        sizes = xp.bag_sizes(self.bag, self.kept, self.count) if mean else None
        share = xp.bag_share(self.kept, self.dtype)
        divisor = xp.bag_divisor(sizes, self.dtype) if mean else None
        scaled = xp.share_by_count(share, self.index, weight.size(0), self.dtype) if by_count else share
        out = embedding_bag_(weight, self.weights, self.index, self.bag, share, scaled, divisor, self.count)
        if mean:
            return watch(out, self.indices), self.whole(self.bag), self.whole(sizes), self.whole(xp.copy(sizes))
        needless = weight.dtype is not dtypes.float64 and not self.padded
        bag = xp.zeros((0,), self.native) if needless else self.bag
        nothing = (xp.zeros((self.count,), self.native) for _ in range(2))
        return watch(out, self.indices), self.whole(bag), *map(self.whole, nothing)

    def maxima(self, weight):
        bag = self.bag if self.kept is None else self.xp.select(self.kept, self.bag, self.count)
        out, places, _ = embedding_bag_max_(weight, self.index, bag, self.count)
        sizes = self.xp.bag_sizes(self.bag, self.kept, self.count)
        return out, self.whole(self.bag), self.whole(sizes), places

    def whole(self, a):
        """A tensor of an array, in the dtype of the row numbers."""
        return wrap(Tensor, self.xp, a if a.dtype == self.native else self.xp.astype(a, self.native), None)


# --- checks ---
def _check_kinds(weight, indices, offsets, weights):
    given = {"weight": weight, "indices": indices, "offsets": offsets}
    for place, (name, value) in enumerate(given.items(), 1):
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(f"embedding_bag(): argument '{name}' (position {place}) must be Tensor, not {kind}")
    if not (weights is None or isinstance(weights, Tensor)):
        kind = type(weights).__name__
        raise TypeError(f"embedding_bag(): argument 'per_sample_weights' must be Tensor, not {kind}")
    tensors = [t for t in (weight, indices, offsets, weights) if t is not None]
    if len({id(t._xp.device) for t in tensors}) > 1:
        raise two_devices(tensors)


def _check(weight, indices, offsets, whole, mode, weights, padding_idx):
    if weight.dim() != 2:
        raise RuntimeError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if offsets.dim() != 1:
        raise RuntimeError(f"offsets has to be a 1D Tensor, but got Tensor of dimension {offsets.dim()}")
    if whole is not dtypes.int64 and whole is not dtypes.int32:
        raise _wrong_kind("indices", "Long, Int", whole)
    if weight.dtype.kind != dtypes.FLOAT:
        raise _wrong_kind("weight", "Half, BFloat16, Float, Double", weight.dtype)
    if mode not in (SUM, MEAN, MAX):
        raise RuntimeError("`mode` must be sum, mean, or max.")
    rows = weight.size(0)
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but got {padding_idx}"
        )
    if weights is not None:
        _check_weights(weight, indices, mode, weights)
    if weight._xp.values_at_hand:
        _check_values(indices, offsets, rows, mode)


def _wrong_kind(name, wanted, dtype):
    plain = dtype.kind < dtypes.COMPLEX and dtype is not dtypes.bool_
    kind = f"torch.{dtype.type_name}" if plain else f"CPU{dtype.type_name.replace('Tensor', 'Type')}"
    return RuntimeError(
        f"Expected tensor for argument #1 '{name}' to have one of the following scalar types: {wanted}; but got {kind} instead "
        "(while checking arguments for embedding_bag)"
    )


def _check_weights(weight, indices, mode, weights):
    if mode != SUM:
        raise RuntimeError("embedding_bag: per_sample_weights only supported with mode='sum'")
    if weights.dtype is not weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but "
            f"type torch.{weight.dtype.type_name} does not equal torch.{weights.dtype.type_name} (while checking arguments for "
            "embedding_bag)"
        )
    for wrong, holds in (("dim() == 1", weights.dim() == 1), ("numel() == ", weights.numel() == indices.numel())):
        if not holds:
            wrong += "indices.numel()" if wrong.endswith("== ") else ""
            raise RuntimeError(
                f"Expected per_sample_weights.value().{wrong} to be true, but got false.  (Could this error message be improved?  "
                "If so, please report an enhancement request to PyTorch.)"
            )


def _check_values(indices, offsets, rows, mode):
    count = indices.numel()
    if offsets.numel():
        first, last = int(offsets._a[0]), int(offsets._a[-1])
        if first:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got "
                f"{first}\n[ torch.{offsets.dtype.type_name}{{}} ]"
            )
        if last > count:
            raise RuntimeError(
                f"offsets[-1] can not be greater than input's length {count} but got offsets[-1] of {last}"
            )
    if not indices._xp.outside(indices._a, rows):
        return
    numbers = indices.reshape(-1).tolist()
    place, number = next((i, n) for i, n in enumerate(numbers) if not 0 <= n < rows)
    if mode == MAX:
        raise RuntimeError(f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {number}")
    raise RuntimeError(f"Index {place} of input takes value {number} which is not in the valid range [0, {rows})")


__all__ = ["embedding_bag"]
