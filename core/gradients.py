"""What travels along the edges of a backward pass: raw arrays, or tensors under create_graph."""

from .tensor import Tensor, wrap


class Arrays:
    """First-order gradients: raw arrays, nothing recorded."""

    recorded = False

    @staticmethod
    def of(tensor):
        return tensor._a

    @staticmethod
    def copy(xp, g):
        return xp.copy(g)

    @staticmethod
    def tensor(xp, g):
        return wrap(Tensor, xp, xp.wrap(g), None)

    @staticmethod
    def zeros(node, index):
        return node.xp.zeros(node.shape[index], node.dtype[index])

    @staticmethod
    def fit(xp, g, shape, dtype):
        """Sum over what was broadcast and cast to the dtype of the value this is the gradient of."""
        if g.__class__ is not xp.array_type:
            g = xp.wrap(g)
        if g.shape != shape:
            g = sum_to(xp, g, shape)
        if g.dtype is not dtype and g.dtype != dtype:
            if xp.to_dtype[g.dtype].is_complex and not xp.to_dtype[dtype].is_complex:
                g = xp.real(g)
            g = xp.astype(g, dtype)
        return g


class Tensors:
    """Gradients under create_graph: tensors with a history of their own."""

    recorded = True

    @staticmethod
    def of(tensor):
        return tensor

    @staticmethod
    def copy(xp, g):
        return g

    @staticmethod
    def tensor(xp, g):
        return g

    @staticmethod
    def zeros(node, index):
        return wrap(Tensor, node.xp, node.xp.zeros(node.shape[index], node.dtype[index]), None)

    @staticmethod
    def fit(xp, g, shape, dtype):
        if g._a.shape != shape:
            g = sum_to(xp.tensors, g, shape)
        if g._a.dtype != dtype:
            target = xp.to_dtype[dtype]
            g = (g.real if g.is_complex() and not target.is_complex else g).to(target)
        return g


class Unrecorded(Tensors):
    """Gradients as tensors, which may carry tangents, without a history."""

    recorded = False

    @staticmethod
    def copy(xp, g):
        return g.clone()


def sum_to(xp, g, shape):
    """The gradient of broadcasting: sum ``g`` down to ``shape``."""
    extra = len(g.shape) - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1)
    if axes:
        g = xp.sum(g, axes, False)
    return g if tuple(g.shape) == shape else xp.reshape(g, shape)


def is_complex(node):
    d = node.dtype[0] if node.outputs > 1 else node.dtype
    names = node.xp.dtype_names
    return d in names and names[d].startswith("complex")


def conjugated(node, rule, g):
    """Rules are written for real values. For a holomorphic f the gradient is g · conj(f'), that is conj(conj(g) · f')."""
    if not node.conjugates:
        return rule(g)
    parts = [conj(node.xp, p) for p in g] if isinstance(g, list) else conj(node.xp, g)
    return tuple(conj(node.xp, d) for d in rule(parts))


def conj(xp, g):
    return None if g is None else g.conj() if isinstance(g, Tensor) else xp.conj(g)
