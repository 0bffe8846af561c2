"""Layouts, and memory formats: in which order the elements of a tensor lie in memory."""

from .errors import no_tensor

__all__ = [
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "jagged",
    "layout",
    "memory_format",
    "preserve_format",
    "sparse_bsc",
    "sparse_bsr",
    "sparse_coo",
    "sparse_csc",
    "sparse_csr",
    "strided",
]


class memory_format:
    """An order of elements in memory. The four there are print as torch prints them and are compared by identity.

    A tensor in ``channels_last`` has shape and indices as ever (N, C, H, W), while its elements lie as those of an
    (N, H, W, C) one. A backend without strides keeps shape and values, and its tensors stay in row-major order.

    Raises:
        TypeError: there are no others to be made.

    Example:
        >>> import plugrad
        >>> x = plugrad.zeros(2, 3, 4, 5).contiguous(memory_format=plugrad.channels_last)
        >>> x.shape, x.stride()
        (torch.Size([2, 3, 4, 5]), (60, 1, 15, 3))
    """

    __slots__ = ("__weakref__", "name", "order")

    def __new__(cls, *args, **kwargs):
        raise TypeError("cannot create 'torch.memory_format' instances")

    def __repr__(self):
        return "torch." + self.name

    def __reduce__(self):
        return _by_name, (self.name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def _make(name, order=None):
    made = object.__new__(memory_format)
    made.name = name
    made.order = order  # the axes, the one whose neighbours are farthest apart in memory first
    return made


contiguous_format = _make("contiguous_format")
preserve_format = _make("preserve_format")
channels_last = _make("channels_last", (0, 2, 3, 1))
channels_last_3d = _make("channels_last_3d", (0, 2, 3, 4, 1))
FORMATS = {f.name: f for f in (contiguous_format, preserve_format, channels_last, channels_last_3d)}


def _by_name(name):
    return FORMATS[name]


class layout:
    """How the elements of a tensor are kept. All tensors here are ``strided``; the others are names that are refused.

    Raises:
        TypeError: there are no others to be made.

    Example:
        >>> import plugrad
        >>> plugrad.ones(2).layout, plugrad.ones(2).layout is plugrad.strided
        (torch.strided, True)
    """

    __slots__ = ("__weakref__", "name")

    def __new__(cls, *args, **kwargs):
        raise TypeError("cannot create 'torch.layout' instances")

    def __repr__(self):
        return "torch." + self.name

    def __reduce__(self):
        return _layout_by_name, (self.name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def _make_layout(name):
    made = object.__new__(layout)
    made.name = name
    return made


strided = _make_layout("strided")
sparse_coo = _make_layout("sparse_coo")
sparse_csr = _make_layout("sparse_csr")
sparse_csc = _make_layout("sparse_csc")
sparse_bsr = _make_layout("sparse_bsr")
sparse_bsc = _make_layout("sparse_bsc")
jagged = _make_layout("jagged")
LAYOUTS = {made.name: made for made in (strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, jagged)}


def _layout_by_name(name):
    return LAYOUTS[name]


def check_format(function, given):
    """Raise where an argument ``memory_format`` is none."""
    if not isinstance(given, memory_format):
        raise TypeError(
            f"{function}(): argument 'memory_format' must be torch.memory_format, not {type(given).__name__}"
        )


def order_in(given, rank):
    """The axes in the order in which they lie in memory.

    Raises:
        RuntimeError: the format is for tensors of another rank.
    """
    if given.order is None:
        return tuple(range(rank))
    if rank != len(given.order):
        raise RuntimeError(f"required rank {len(given.order)} tensor to use {given.name} format")
    return given.order


def lies_in(given, shape, strides):
    """Whether elements with these strides lie in the order of channels_last or channels_last_3d, without gaps."""
    if len(shape) != len(given.order):
        return False
    expected = 1
    for axis in reversed(given.order):
        if shape[axis] != 1:
            if strides[axis] != expected:
                return False
            expected *= shape[axis]
    return True


def format_of(shape, strides):
    """The format that a tensor's strides, with gaps or without, suggest."""
    for given in (channels_last, channels_last_3d):
        if len(shape) == len(given.order) and _suggest(given.order, shape, strides):
            return given
    return contiguous_format


def _suggest(order, shape, strides):
    if strides[1] == 0:
        return False
    least = 0
    for axis in reversed(order):
        if shape[axis] == 0 or strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * max(shape[axis], 1)
    return True


def preserved_order(tensor):
    """The order of the axes in memory of what a copy or an op makes of a tensor; None for row-major."""
    try:
        xp, a = tensor._xp, tensor._a
    except AttributeError:
        raise no_tensor(tensor) from None
    if xp.is_contiguous(a):
        return None
    shape, strides = a.shape, xp.strides(a)
    order = list(range(len(shape)))
    for first in reversed(range(len(order) - 1)):
        _sink(order, first, shape, strides)
    return None if order == sorted(order) else tuple(order)


def _sink(order, place, shape, strides):
    """Bring the axis at a place behind all axes of longer steps; a step of 0 says nothing of where its axis belongs."""
    for other in range(place + 1, len(order)):
        a, b = order[place], order[other]
        if strides[a] == 0 or strides[b] == 0:
            continue
        here, there = (strides[a], shape[a]), (strides[b], shape[b])
        if strides[a] > strides[b]:
            return
        if here < there:
            order[place], order[other] = b, a
            place = other


def inverse(order):
    """Where each axis went."""
    back = [0] * len(order)
    for place, axis in enumerate(order):
        back[axis] = place
    return tuple(back)


def laid(xp, make, shape, order):
    """The array that ``make(shape)`` gives, its axes lying in memory in an order; None for row-major."""
    if order is None:
        return make(shape)
    return xp.permute_dims(make(tuple(shape[axis] for axis in order)), inverse(order))
