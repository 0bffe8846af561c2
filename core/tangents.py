"""The tangent of an op's result, from the op's kind and its gradient rules."""

from .gradients import Tensors, conj
from .modes import enable_grad, is_grad_enabled
from .rows import parameters
from .slow import is_tensor
from .tensor import Tensor

SMOOTH = 2  # kind of the least dtype that has derivatives


def tangents_of(row, primals, tangents, statics, outputs):
    """The tangent of each output, None where there is none.

    Args:
        primals: the arguments.
        tangents: theirs, None where there is none.
        outputs: the results.
    """
    tangents = [None if t is None else cast(t, p) for p, t in zip(primals, tangents, strict=True)]
    smooth = [d and o.dtype.kind >= SMOOTH for d, o in zip(row.differentiable, outputs, strict=True)]
    if not any(smooth):
        return [None] * len(outputs)
    op = Op(row, primals, tangents, statics, outputs)
    found = op.tangent()
    found = found if isinstance(found, tuple) else (found,)
    found = iter(own(f, tangents) for f in found) if row.kind != "view" else iter(found)
    return [next(found) if d else None for d in row.differentiable]


def cast(t, like):
    return t if t.dtype is like.dtype else t.to(like.dtype)


def own(found, tangents):
    """A tangent that shares its memory with no other."""
    if found is None or not (found._is_view() or any(found is t for t in tangents)):
        return found
    return found.clone()


def filled(primals, tangents):
    """The tangents, with zeros for those that are missing."""
    return [zeros(p) if t is None and p is not None else t for p, t in zip(primals, tangents, strict=True)]


def zeros(like):
    from .create import zeros_like

    return zeros_like(like)


def full_like(shape, value, like):
    from .create import full

    return full(shape, value, dtype=like.dtype, device=like.device)


class Op:
    """One call of a row, of which the tangent is wanted."""

    def __init__(self, row, primals, tangents, statics, outputs):
        self.row = row
        self.primals = primals
        self.tangents = tangents
        self.statics = statics
        self.outputs = outputs
        self.xp = next(p for p in primals if is_tensor(p))._xp
        self.smooth = [o for o, d in zip(outputs, row.differentiable, strict=True) if d]

    def tangent(self):
        row = self.row
        if row.jvp is not None:
            return self.by_jvp()
        if row.kind == "elementwise" and self.is_holomorphic():
            return self.by_rules()
        if row.kind in ("linear", "view"):
            return self.by_function()
        if row.kind == "bilinear":
            return self.by_parts()
        return self.by_transposing()

    def is_holomorphic(self):
        """Whether its rules, which are written for real values, hold as they are."""
        return self.outputs[0].is_complex() or not any(is_tensor(p) and p.is_complex() for p in self.primals)

    def names(self):
        """The values that a rule may ask for, by name."""
        row = self.row
        values = {"xp": self.xp.tensors, "needs": tuple(t is not None for t in self.tangents)}
        values |= dict(zip(row.statics, self.statics, strict=True))
        for name, p, t in zip(row.tensors, self.primals, self.tangents, strict=True):
            values |= {name: p, "t_" + name: t}
            values[name + "_shape"] = p._a.shape if is_tensor(p) else None
            values[name + "_dtype"] = p.dtype if is_tensor(p) else None
        values |= dict(zip(row.outputs, self.outputs, strict=True))
        return values

    def by_jvp(self):
        """The row says it."""
        if self.row.jvp == "linear":
            return self.row.function(*filled(self.primals, self.tangents), *self.statics)
        values = self.names()
        return self.row.jvp(*(values[p] for p in parameters(self.row.jvp)))

    def by_rules(self):
        """An elementwise op: Σ f'ᵢ · tᵢ, and f' · g is what the gradient rules give."""
        values, out, total = self.names(), self.outputs[0], None
        for name, p in zip(self.row.tensors, self.primals, strict=True):
            if is_tensor(p):
                values[name] = cast(p, out)
            elif name == self.row.tensors[0]:
                values[name] = full_like((), p, out)
        for rule, t in zip(self.row.rules, self.tangents, strict=True):
            if rule is None or t is None:
                continue
            values["g"] = expanded(cast(t, out), out)
            part = rule(*(values[p] for p in parameters(rule)))
            total = part if total is None else total + part
        return total

    def by_function(self):
        """A linear op: the op itself."""
        given = filled(self.primals, self.tangents)
        try:
            return self.row.function(*given, *self.statics)
        except RuntimeError:
            if self.row.kind != "view":
                raise
        return self.row.function(given[0].contiguous(), *self.statics)

    def by_parts(self):
        """Linear in each argument: f(t₁, x₂) + f(x₁, t₂)."""
        total = None
        for i, t in enumerate(self.tangents):
            if t is None:
                continue
            part = self.row.function(*self.primals[:i], t, *self.primals[i + 1 :], *self.statics)
            total = part if total is None else total + part
        return total

    def by_transposing(self):
        """Any op: J · t = d/du (Jᵀ u) · t, the gradient of what the gradient rules give, which is linear in u."""
        from .engine import grad

        recording = is_grad_enabled()
        with enable_grad():
            u = [zeros(o).detach().requires_grad_() for o in self.smooth]
            pairs = [(g, t) for g, t in zip(self.gradients(u), self.tangents, strict=True) if reaches(g, t)]
        if not pairs:
            return tuple(zeros(o) for o in self.smooth)
        found = grad(
            [g for g, _ in pairs],
            u,
            [t for _, t in pairs],
            create_graph=recording,
            allow_unused=True,
            materialize_grads=True,
        )
        return tuple(found)

    def gradients(self, u):
        """Jᵀ u, by the row's rules on tensors, in the shapes and dtypes of the arguments."""
        values, row = self.names(), self.row
        conjugate = self.outputs[0].is_complex()
        given = iter([conj(None, g) for g in u] if conjugate else u)
        values |= {"g_" + o: next(given) if d else None for o, d in zip(row.outputs, row.differentiable, strict=True)}
        if len(u) == 1:
            values["g"] = values["g_" + row.outputs[row.differentiable.index(True)]]
        if row.vjp is not None:
            found = row.vjp(*(values[p] for p in parameters(row.vjp)))
        else:
            found = [
                rule(*(values[p] for p in parameters(rule))) if rule is not None and t is not None else None
                for rule, t in zip(row.rules, self.tangents, strict=True)
            ]
        return [
            None if g is None else Tensors.fit(p._xp, conj(None, g) if conjugate else g, p._a.shape, p._a.dtype)
            for g, p in zip(found, self.primals, strict=True)
        ]


def reaches(g, t):
    return t is not None and isinstance(g, Tensor) and g._fn is not None


def expanded(t, out):
    return t if t._a.shape == out._a.shape else t.expand(*out._a.shape)


# --- in place ---
def write_tangent(level, x, tangent):
    """Write a tangent, None for zeros, into that of ``x``, which becomes a dual where it is none."""
    from .views import repeats_memory

    if level.tangent(x) is None:
        promote(level, x)
    mine = x._x.tangent
    if repeats_memory(mine):
        mine = x._x.tangent = mine.clone()
    if tangent is None:
        mine.zero_()
    else:
        mine.copy_(tangent)


def promote(level, x):
    """Make a plain tensor a dual, in place, with its base and the other views of that; the tangents are zeros."""
    base = x._x.base if x._x is not None else None
    root = x if base is None else base
    if level.tangent(root) is None:
        turn_dual(level, root, room_for_tangents(level.primal(root)))
    for view in version_views(root):
        if view._x is not None and view._x.base is root and level.tangent(view) is None:
            turn_dual(level, view, at(root._x.tangent, view._x.path))


def room_for_tangents(primal):
    """Zeros that the tangent of any example of the running vmaps can be written into."""
    from .batching import lifted, running_batches

    batches = running_batches()
    return lifted(zeros(primal), batches).clone() if batches else zeros(primal)


def version_views(root):
    return root._v.live_views() if root._v is not None else []


def at(tangent, path):
    """The part of a tangent that a path of views leads to, as a view."""
    from .rows import ROWS

    for function, statics in path:
        tangent = ROWS[VIEWS[function]].function(tangent, *statics)
    return tangent


#: The rows that make the views of which paths consist.
VIEWS = {
    "permute_dims": "permute_",
    "swap_axes": "transpose_",
    "broadcast_to": "expand_",
    "reshape_view": "view_",
    "expand_dims": "unsqueeze_",
    "slice": "slice_",
    "unfold": "unfold_",
    "diagonal": "diagonal_",
    "real": "real",
    "imag": "imag",
}


def turn_dual(level, x, tangent):
    from .dual import Dual, version

    before = x._x
    x._x = Dual(tangent)
    if before is not None:
        vars(x._x).update({k: v for k, v in vars(before).items() if k not in ("inner", "tangent")})
    x._x.inner = before if x._xp.transform is not None else None
    x._xp = level.space(x._xp)
    version(x)
    level.duals[id(x)] = x


__all__ = ["filled", "tangents_of", "write_tangent"]
