"""Dual tensors: a value with its tangent, which every op carries along (forward mode).

A dual is an ordinary Tensor on the array of its value whose namespace is a :class:`DualSpace`. An op's own text finds no
function there, so it lands in core/slow.py, which hands the op to the dual's :class:`Level`. That runs the op on the values,
as ever, computes the tangent with recorded ops, and makes a dual of both. Value and tangent may themselves be duals of an
outer level, or under another transform.
"""

import copy
import weakref
from sys import _getframe
from typing import ClassVar

from .compile import Fallback
from .graph import LEAF, NODE, PORT, Port, Version
from .modes import is_inference_mode_enabled
from .recording import Packed
from .slow import Transforms, edge_of
from .tensor import Extra, Tensor, wrap

#: Duals are taken apart before anything else; levels that were entered later before earlier ones.
RANK = 1_000_000


class Dual(Extra):
    """What a dual tensor has beside its value.

    Attributes:
        tangent: a tensor of the value's shape.
        inner: the Extra of the value, where that is under a transform of its own.
    """

    inner = None

    def __init__(self, tangent):
        self.tangent = tangent


class DualSpace:
    """The namespace of the duals of one level on one other namespace: that namespace, but an op's text finds nothing here."""

    def __init__(self, base, level):
        self.base = base
        self.transform = level

    def __getattr__(self, name):
        if _getframe(1).f_code.co_filename.startswith("<plugrad "):
            raise Fallback
        return getattr(self.base, name)

    def __repr__(self):
        return f"<duals on {self.base!r}>"


class Level:
    """The transform whose tensors are the duals of one level."""

    def __init__(self, rank):
        self.rank = rank
        self.spaces = {}
        # by id, as tensors compare elementwise
        self.duals = weakref.WeakValueDictionary()
        self.kept = weakref.WeakValueDictionary()

    # --- taking apart and putting together ---
    def space(self, base):
        if base not in self.spaces:
            self.spaces[base] = DualSpace(base, self)
        return self.spaces[base]

    def holds(self, value):
        return getattr(getattr(value, "_xp", None), "transform", None) is self

    def tangent(self, value):
        return value._x.tangent if self.holds(value) and value._x.__class__ is Dual else None

    def primal(self, value):
        """The value of a dual, with the dual's history; anything else as it is."""
        if not self.holds(value):
            return value
        if value._x.__class__ is not Dual:
            return plain(value)
        p = wrap(Tensor, value._xp.base, value._a, edge_of(value))
        p._v = version(value)
        extra = value._x
        p._x = copy.copy(extra.inner)
        if extra.base is not None:
            p._extra().base, p._x.path, p._x.made = extra.base, extra.path, extra.made
        return p

    def dual(self, primal, tangent, sources=()):
        """A dual of ``primal``, which may be a view of the value of one of the ``sources`` (pairs of value and dual)."""
        t = wrap(Tensor, self.space(primal._xp), primal._a, primal._fn)
        t._v = version(primal)
        t._x = Dual(tangent)
        inner = primal._x
        if inner is not None:
            t._x.inner = inner if primal._xp.transform is not None else None
            if inner.base is not None:
                t._x.base = next((d for p, d in sources if p is inner.base), inner.base)
                t._x.path, t._x.made = inner.path, inner.made
                t._v.add_view(t)
        self.duals[id(t)] = t
        return t

    def close(self):
        """Forget all tangents; tensors that outlive the level are plain again."""
        for kept in list(self.kept.values()):
            kept.tangent = None
        for t in list(self.duals.values()):
            if self.holds(t):
                plain(t)
        self.spaces.clear()  # a space and its level refer to each other

    # --- the ops ---
    def apply(self, row, inputs, statics, failure=None):
        """The row's function of duals."""
        from .tangents import tangents_of

        primals = [self.primal(v) for v in inputs]
        made = row.function(*primals, *statics)
        tangents = self.tangents(inputs)
        if not row.is_differentiable or all(t is None for t in tangents):
            return made
        parts = made if isinstance(made, tuple) else (made,)
        slopes = tangents_of(row, primals, tangents, statics, parts)
        self.keep(row, parts, tangents, slopes)
        return self.duals_of(made, slopes, tuple(zip(primals, inputs, strict=True)))

    def tangents(self, inputs):
        if is_inference_mode_enabled():
            return [None] * len(inputs)
        return [self.tangent(v) for v in inputs]

    def duals_of(self, made, slopes, sources=()):
        parts = made if isinstance(made, tuple) else (made,)
        results = tuple(p if s is None else self.dual(p, s, sources) for p, s in zip(parts, slopes, strict=True))
        return results if isinstance(made, tuple) else results[0]

    def call(self, function, operand, *arguments):
        """``function(operand, *arguments)``, linear in its operand, a tensor or a sequence of them, and no row."""
        from .tangents import filled

        single = isinstance(operand, Tensor)
        inputs = (operand,) if single else tuple(operand)
        primals, tangents = [self.primal(v) for v in inputs], self.tangents(inputs)
        made = function(primals[0] if single else primals, *arguments)
        if all(t is None for t in tangents):
            return made
        full = filled(primals, tangents)
        slopes = function(full[0] if single else full, *arguments)
        slopes = slopes if isinstance(made, tuple) else (slopes,)
        return self.duals_of(made, slopes, tuple(zip(primals, inputs, strict=True)))

    def detached(self, value):
        """``value`` without its tangents."""
        primal = self.primal(value)
        outer = primal._xp.transform
        return outer.detached(primal) if hasattr(outer, "tangent") else primal

    # --- what nodes keep ---
    def keep(self, row, parts, tangents, slopes):
        """Let the node of an op keep duals, so that a gradient rule run on tensors sees the tangents."""
        node = next((n for n in map(node_of, parts) if n is not None and n.row is row), None)
        if node is None:
            return
        by_name = dict(zip((*row.tensors, *row.outputs), (*tangents, *slopes), strict=True))
        names = [n for n in node.saved_arrays if by_name[n] is not None and getattr(node, n, None) is not None]
        if not names:
            return
        from .hooks import node_hooks

        for name in names:
            setattr(node, name, Kept(self, getattr(node, name), by_name[name]))
        hooks = node_hooks(node)
        hooks.packed = tuple({*hooks.packed, *names})

    # --- writing ---
    def store(self, x, result):
        """Write a result into a tensor; one of them is a dual."""
        from .tangents import write_tangent
        from .views import check_in_place, store

        check_in_place(x, result)
        tangent = self.tangents((result,))[0]
        p = self.primal(x)
        store(p, self.primal(result))
        if p is not x and p._fn is not x:
            x._fn = p._fn
        if tangent is not None or self.tangent(x) is not None:
            write_tangent(self, x, tangent)
        return x

    def turn(self, x, made):
        """``x`` has taken the shape of its view ``made``: its tangent does so too."""
        tangent = self.tangent(made)
        if tangent is not None:
            x._x.tangent = tangent


class Kept(Packed):
    """What a node keeps of a dual: the array, or what stood for it, and the tangent."""

    __slots__ = ("__weakref__", "level", "tangent")

    def __init__(self, level, value, tangent):
        self.level = level
        self.value = value
        self.tangent = tangent
        self.address = value.address if isinstance(value, Packed) else id(value)
        level.kept[id(self)] = self

    @property
    def shape(self):
        return self.array().shape

    @property
    def dtype(self):
        return self.array().dtype

    def array(self):
        return self.value.array() if isinstance(self.value, Packed) else self.value

    def pack_again(self, xp, a):
        """What was kept is about to be overwritten; ``a`` is a copy."""
        if isinstance(self.value, Packed):
            self.value.pack_again(xp, a)
        else:
            self.value = a
        self.address = id(a)
        if self.tangent is not None:
            self.tangent = self.tangent.clone()

    def tensor(self, node, name):
        """The dual again, with the history it had."""
        if isinstance(self.value, Kept):
            inner = self.value.tensor(node, name)
        else:
            inner = wrap(Tensor, node.xp, self.array(), edge_of_saved(node, name))
        return inner if self.tangent is None else self.level.dual(inner, self.tangent)


def node_of(t):
    """The node that made a tensor, None where none did."""
    fn = t._fn
    if fn is None or fn is LEAF:
        return None
    return fn if fn._kind == NODE else fn.node if fn._kind == PORT else None


def edge_of_saved(node, name):
    row = node.row
    if name in row.tensors:
        return node.next[row.tensors.index(name)]
    i = row.outputs.index(name)
    if node.outputs == 1:
        return node
    return Port(node, i, node.shape[i], node.dtype[i]) if row.differentiable[i] else None


def plain(t):
    """Make a dual that has no tangent any more a tensor of the namespace below, in place."""
    extra = t._x
    t._xp = t._xp.base
    if extra.__class__ is Dual:
        t._x = extra.inner
        if extra.base is not None or extra.hooks is not None or extra.retains:
            made = t._extra()
            for name, value in vars(extra).items():
                if name not in ("inner", "tangent"):
                    setattr(made, name, value)
    return t


def version(t):
    if t._v is None:
        t._v = Version()
    return t._v


class Levels:
    """The open levels, the outermost first."""

    opened: ClassVar[list[Level]] = []


def open_level():
    level = Level(Levels.opened[-1].rank + 1 if Levels.opened else RANK)
    Levels.opened.append(level)
    Transforms.count += 1
    return level


def close_level(level):
    Levels.opened.remove(level)
    Transforms.count -= 1
    level.close()


__all__ = ["Dual", "Level", "Levels", "close_level", "open_level"]
