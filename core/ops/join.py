"""Joining and cutting: cat, stack, split, chunk, unbind."""

from ..graph import Node, Port
from ..modes import is_grad_enabled
from ..shapes import need_tensors, one_axis, rank_of
from ..slow import edge_of, in_one_space, native_dtype, new_node, result_type, transform_of
from ..tensor import Tensor, wrap
from ..views import share_memory, write_out


class _Pieces(Node):
    """A node whose gradient is cut, or joined, along one axis; it keeps no values."""

    __slots__ = ("axis", "lengths")
    __module__ = "plugrad.autograd"

    def check(self):
        return

    def backward(self, g):
        return self._cut(self.xp, g)

    def backward_graph(self, g):
        return self._cut(self.xp.tensors, g)


class CatBackward0(_Pieces):
    """d/dx of concatenation: slices of the gradient; empty tensors, which were left out, get empty ones."""

    __slots__ = ()

    def _cut(self, xp, g):
        parts, start = [], 0
        head = (slice(None),) * self.axis
        for edge, length in zip(self.next, self.lengths, strict=True):
            if edge is None:
                parts.append(None)
            elif length is None:
                parts.append(xp.zeros((0,), g.dtype))
            else:
                parts.append(xp.slice(g, (*head, slice(start, start + length), ...)))
            start += length or 0
        return tuple(parts)


class StackBackward0(_Pieces):
    """d/dx of stacking: the gradient at each index of the new dimension."""

    __slots__ = ()

    def _cut(self, xp, g):
        head = (slice(None),) * self.axis
        return tuple(None if edge is None else xp.slice(g, (*head, i, ...)) for i, edge in enumerate(self.next))


class SplitBackward0(_Pieces):
    """d/dx of cutting: the gradients of the pieces joined again."""

    __slots__ = ("outputs",)

    def _cut(self, xp, g):
        return (xp.concat(tuple(g) if self.outputs > 1 else (g,), self.axis),)


class SplitWithSizesBackward0(SplitBackward0):
    """The same for pieces of given sizes."""

    __slots__ = ()


class UnsafeSplitBackward0(SplitBackward0):
    """The same for pieces that may be written to."""

    __slots__ = ()


class UnsafeSplitWithSizesBackward0(SplitBackward0):
    """The same for such pieces of given sizes."""

    __slots__ = ()


class UnbindBackward0(SplitBackward0):
    """d/dx of taking all slices along an axis: their gradients stacked."""

    __slots__ = ()

    def _cut(self, xp, g):
        return (xp.stack(tuple(g) if self.outputs > 1 else (g,), self.axis),)


def _views(cls, x, axis, keys):
    """One view of ``x`` per key, all of one node; written to they must not be (torch's rule)."""
    return _pieces(cls, x, axis, keys, _view)


def _view(x, key):
    t = wrap(Tensor, x._xp, x._xp.slice(x._a, key), None)
    share_memory(t, x, "slice", (key,))
    t._x.made = t._x.made or "several"
    return t


def _copy(x, key):
    return wrap(Tensor, x._xp, x._xp.copy(x._xp.slice(x._a, key)), None)


def _pieces(cls, x, axis, keys, piece):
    duals = _duals((x,))
    if duals is not None:
        return duals.call(lambda x, axis, keys: _pieces(cls, x, axis, keys, piece), x, axis, keys)
    xp, a = x._xp, x._a
    made = [piece(x, key) for key in keys]
    if x._fn is not None and is_grad_enabled() and made:
        node = new_node(cls, xp, (edge_of(x),), tuple(t._a.shape for t in made), (a.dtype,) * len(made))
        node.axis, node.lengths, node.outputs = axis, None, len(made)
        for i, t in enumerate(made):
            t._fn = Port(node, i, t._a.shape, a.dtype) if len(made) > 1 else node
        if len(made) == 1:
            node.shape, node.dtype = node.shape[0], node.dtype[0]
    return tuple(made)


def _common(name, tensors):
    if isinstance(tensors, Tensor):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    tensors = tuple(tensors)
    if not tensors:
        raise (
            ValueError(f"torch.{name}(): expected a non-empty list of Tensors")
            if name == "cat"
            else RuntimeError(f"{name} expects a non-empty TensorList")
        )
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    duals = _duals(tensors)
    if duals is not None:
        return tensors, None, None, duals
    if any(t._xp is not tensors[0]._xp for t in tensors):
        tensors = in_one_space(tensors)
    xp = tensors[0]._xp
    native = native_dtype(xp, result_type(tensors))
    return tensors, xp, [t._a if t._a.dtype == native else xp.astype(t._a, native) for t in tensors], None


def _duals(tensors):
    """The level of forward mode that tensors are in, None outside of it."""
    transform = transform_of(tensors)
    return transform if hasattr(transform, "tangent") else None


def _record(cls, xp, a, tensors, axis, lengths):
    made = wrap(Tensor, xp, a, None)
    edges = tuple(edge_of(t) for t in tensors)
    if is_grad_enabled() and any(e is not None for e in edges):
        node = new_node(cls, xp, edges, a.shape, a.dtype)
        node.axis, node.lengths = axis, lengths
        made._fn = node
    return made


def cat(tensors, dim=0, *, out=None):
    """Join tensors along an existing dimension.

    Args:
        tensors: of equal shape but for ``dim``; empty 1-d ones are left out.

    Raises:
        RuntimeError: shapes that differ elsewhere.

    Example:
        >>> import plugrad
        >>> plugrad.cat([plugrad.zeros(2), plugrad.ones(1)])
        tensor([0., 0., 1.])
    """
    tensors, xp, arrays, duals = _common("cat", tensors)
    if duals is not None:
        made = duals.call(cat, tensors, dim)
        return made if out is None else write_out(out, made, *tensors)
    kept = [i for i, a in enumerate(arrays) if tuple(a.shape) != (0,)] or [0]
    first = arrays[kept[0]].shape
    axis = one_axis(dim, len(first))
    for number in kept:
        _check_cat(first, arrays[number].shape, axis, number)
    lengths = [arrays[i].shape[axis] if i in kept else None for i in range(len(arrays))]
    joined = xp.concat([arrays[i] for i in kept], axis)
    made = _record(CatBackward0, xp, joined, tensors, axis, lengths)
    return made if out is None else write_out(out, made, *tensors)


def _check_cat(first, shape, axis, number):
    if len(first) == 0:
        raise RuntimeError(f"zero-dimensional tensor (at position {number}) cannot be concatenated")
    if len(shape) != len(first):
        raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
    for i, (n, m) in enumerate(zip(first, shape, strict=True)):
        if i != axis and n != m:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {axis}. Expected size {n} but got size {m} for tensor number "
                f"{number} in the list."
            )


def stack(tensors, dim=0, *, out=None):
    """Join tensors of one shape along a new dimension."""
    tensors, xp, arrays, duals = _common("stack", tensors)
    if duals is not None:
        made = duals.call(stack, tensors, dim)
        return made if out is None else write_out(out, made, *tensors)
    for i, a in enumerate(arrays):
        if a.shape != arrays[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at entry 0 and {list(a.shape)} at entry {i}"
            )
    axis = one_axis(dim, len(arrays[0].shape) + 1)
    made = _record(StackBackward0, xp, xp.stack(arrays, axis), tensors, axis, None)
    return made if out is None else write_out(out, made, *tensors)


def hstack(tensors, *, out=None):
    """Join along the second dimension (the first for 1-d tensors)."""
    tensors = [t.reshape(1) if t.dim() == 0 else t for t in some("hstack", tensors)]
    return cat(tensors, 0 if tensors[0].dim() == 1 else 1, out=out)


def vstack(tensors, *, out=None):
    """Join along the first dimension; 1-d tensors count as rows."""
    return cat([t.reshape(1, -1) if t.dim() < 2 else t for t in some("vstack", tensors)], 0, out=out)


row_stack = vstack


def some(name, tensors):
    """The tensors, of which there must be one at least."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return tensors


def split(tensor, split_size_or_sections, dim=0):
    """Cut into pieces of a size (the last may be smaller), or of the listed sizes; the pieces are views."""
    cls = SplitBackward0 if isinstance(split_size_or_sections, int) else SplitWithSizesBackward0
    return _views(cls, tensor, *_cuts(tensor, split_size_or_sections, dim))


def _cuts(tensor, split_size_or_sections, dim):
    """(axis, the key of each piece)."""
    axis = one_axis(dim, rank_of(tensor))
    if tensor.dim() == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = tensor._a.shape[axis]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        if size == 0:
            if n:
                raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
            return axis, [(slice(None),) * axis + (slice(0, 0), ...)]
        sizes = [min(size, n - i) for i in range(0, n, size)] or [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n or any(s < 0 for s in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {axis}), but got "
                f"split_sizes={sizes}"
            )
    head, keys, start = (slice(None),) * axis, [], 0
    for size in sizes:
        keys.append((*head, slice(start, start + size), ...))
        start += size
    return axis, keys


def split_with_sizes(input, split_sizes, dim=0):
    """Cut into pieces of the listed sizes, which are views."""
    return split(input, list(split_sizes), dim)


def chunk(input, chunks, dim=0):
    """Cut into at most ``chunks`` pieces of equal size; the pieces are views."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    need_tensors(input)
    size = -(-input.size(dim) // chunks)
    return split(input, size, dim) if size else tuple(split(input, [0] * chunks, dim))


def unsafe_split(tensor, split_size, dim=0):
    """As :func:`split` of a size, but the pieces are no views: each has its own memory here, and may be written to.

    Example:
        >>> import plugrad
        >>> plugrad.unsafe_split(plugrad.arange(3), 2)
        (tensor([0, 1]), tensor([2]))
    """
    return _pieces(UnsafeSplitBackward0, tensor, *_cuts(tensor, split_size, dim), _copy)


def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """As :func:`split_with_sizes`, but the pieces are no views; see :func:`unsafe_split`."""
    return _pieces(UnsafeSplitWithSizesBackward0, input, *_cuts(input, list(split_sizes), dim), _copy)


def unsafe_chunk(input, chunks, dim=0):
    """As :func:`chunk`, but the pieces are no views; see :func:`unsafe_split`."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    need_tensors(input)
    size = -(-input.size(dim) // chunks)
    return unsafe_split(input, size, dim) if size else unsafe_split_with_sizes(input, [0] * chunks, dim)


def unbind(input, dim=0):
    """All slices along a dimension, as views without it."""
    axis = one_axis(dim, rank_of(input))
    if input.dim() == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    head = (slice(None),) * axis
    return _views(UnbindBackward0, input, axis, [(*head, i, ...) for i in range(input._a.shape[axis])])


METHODS = (split, split_with_sizes, chunk, unbind, unsafe_chunk, unsafe_split, unsafe_split_with_sizes)


def install():
    """Give Tensor its cutting methods."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
