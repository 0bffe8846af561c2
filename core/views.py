"""Views and in-place ops: which memory, which version, which history.

A view is described by its path from the base: the namespace functions that lead there. An in-place op is the op itself
followed by :func:`store`, which writes the result into the memory and gives the tensor the result's history; for a view it
rebases the base's history on a node that puts the written part into its place, and gives every live view of the base a
new history that starts there.
"""

import functools
import warnings
import weakref

from .errors import (
    inference_in_place,
    leaf_in_place,
    leaf_view_in_place,
    no_out_of_duals,
    repeated_memory,
    scalar_name,
    view_in_place,
)
from .graph import CLOCK, INFERENCE, LEAF, PORT, Version, as_function
from .hooks import move_retained
from .modes import is_grad_enabled, is_inference_mode_enabled
from .out_checks import check_dtype, check_memory
from .recording import BEFORE_WRITE, Packed
from .slow import edge_of, new_node, transform_of
from .tensor import Extra, Tensor, wrap

_new = object.__new__


def share_memory(t, source, function, statics):
    """Note that ``t`` is ``function(source, *statics)`` on the memory of ``source``."""
    t._x = extra = _new(Extra)
    parent = source._x
    if parent is None or parent.base is None:
        extra.base = source
        extra.path = ((function, statics),)
        if not is_grad_enabled():
            make_unrecorded(t, extra)
    else:
        extra.base = parent.base
        extra.path = (*parent.path, (function, statics))
        if not is_grad_enabled():
            make_unrecorded(t, extra)
        if parent.made is not None:
            extra.made = parent.made
    version = source._v
    if version is None:
        version = source._v = _new(Version)
        version.clock = 0
        version.views = [weakref.ref(t)]
    else:
        version.add_view(t)
    t._v = version


def make_unrecorded(t, extra):
    """A view made while nothing is recorded is a leaf that says it requires grad if its base does; no gradient reaches it."""
    extra.made = "inference" if is_inference_mode_enabled() else "no_grad"
    if extra.base._fn is not None:
        t._fn = LEAF
        extra.borrowed = True


def follow(xp, a, path):
    """The part of ``a`` that a path leads to; on arrays and on tensors alike."""
    for function, statics in path:
        a = getattr(xp, function)(a, *statics)
    return a


def check_in_place(x, result=None):
    """Raise when recording forbids an in-place write to ``x``; ``result`` is what shall be written."""
    if x._v is INFERENCE and not is_inference_mode_enabled():
        raise inference_in_place()
    if not is_grad_enabled():
        return
    extra = x._x
    if extra is not None and extra.base is not None:
        base = extra.base
        if extra.made is not None and not (x._fn is base._fn is None and (result is None or result._fn is None)):
            raise view_in_place(x)
        if base._fn is LEAF or x._fn is LEAF:
            raise leaf_view_in_place()
    elif x._fn is LEAF or getattr(x._fn, "starts", False):
        raise leaf_in_place()


def store(x, result):
    """Write ``result`` into the memory of ``x`` and take over its history; returns x."""
    if x._xp is not result._xp or x._xp.transform is not None:
        transform = transform_of((x, result))
        if hasattr(transform, "store"):
            return transform.store(x, result)
        if x._xp is not result._xp and hasattr(transform, "to_store"):
            result = transform.to_store(x, result)
    check_in_place(x, result)
    if result._a.shape != x._a.shape:
        raise RuntimeError(
            f"output with shape {list(x._a.shape)} doesn't match the broadcast shape {list(result._a.shape)}"
        )
    if x._x is not None and x._x.base is not None and repeats_memory(x):
        raise repeated_memory()
    if result._a.dtype != x._a.dtype and result.dtype.kind > x.dtype.kind:
        raise RuntimeError(
            f"result type {scalar_name(result.dtype)} can't be cast to the desired output type {scalar_name(x.dtype)}"
        )
    keep_saved_inputs(x, result._fn)
    for keep in BEFORE_WRITE:
        keep(x)
    x._xp.assign(x._a, result._a)
    commit(x, result)
    return x


def repeats_memory(x):
    """Whether several elements lie at one place, as after expand."""
    shape = x._a.shape
    if 0 in shape:  # nothing lies anywhere, whatever strides a library gives then
        return False
    if not x._xp.has_strides:
        return repeats_on_its_way(x)
    return any(n > 1 and step == 0 for n, step in zip(shape, x._xp.strides(x._a), strict=True))


def repeats_on_its_way(x):
    """The same for a library that tells no strides: whether something was broadcast on the way from the base."""
    if x._x is None or x._x.base is None:  # a transform's tensor, whose base has strides of its own
        return False
    a = x._x.base._a
    for function, statics in x._x.path:
        before, a = a, getattr(x._xp, function)(a, *statics)
        if function == "broadcast_to" and x._xp.count(a.shape, None) > x._xp.count(before.shape, None):
            return True
    return False


def keep_saved_inputs(x, fn):
    """The op's node may have saved the very memory that is about to be overwritten: give it a copy."""
    if fn is None or fn is LEAF:
        return
    node = getattr(fn, "node", fn)
    row = getattr(node, "row", None)
    for name in row.tensors[:1] if row is not None else ():
        kept = getattr(node, name, None)
        if kept is x._a:
            setattr(node, name, node.xp.copy(x._a))
            setattr(node, name + "_v", None)
        elif isinstance(kept, Packed) and kept.address == id(x._a):
            kept.pack_again(node.xp, node.xp.copy(x._a))
            setattr(node, name + "_v", None)


def commit(x, result):
    """The bookkeeping of a write: version, the node's saved output, history."""
    if x._v is None:
        x._v = Version()
    x._v.bump()
    if not is_grad_enabled():
        renew_unrecorded(x)
        return
    if x._fn is None and result._fn is None:
        return
    writer = result.grad_fn
    x._v.writer = writer.name() if writer is not None else None
    x._v.written = x._v.count
    x._v.owner = x._v.writer
    adopt_output(x, result._fn)
    if x._x is None or x._x.base is None:
        rewrite_history(x, edge_of(result))
        renew_views(x, x._v)
        return
    base = x._x.base
    rewrite_history(base, copy_slices(base, result, x._x.path))
    renew_views(base, x._v)
    x._v.owner = base._fn.name()


def renew_unrecorded(x):
    """After a write that is not recorded the views' histories start anew at the base too."""
    if x._v.views:
        base = x._x.base if x._x is not None and x._x.base is not None else x
        if base._fn is not None:
            renew_views(base, x._v)


def rewrite_history(x, edge):
    """Give ``x`` the history ``edge``; a retained gradient is from now on that of the new value."""
    before, x._fn = x._fn, edge
    if x._x is not None and x._x.retains:
        move_retained(x, before)


def adopt_output(x, fn):
    """A node that saved its output now shares the tensor's memory, so that a later write is noticed."""
    if fn is None or fn is LEAF or fn._kind != 0:
        return
    arrays = fn.saved_arrays
    if any(getattr(fn, name + "_v", None) is x._v for name in arrays):
        return  # an argument overlaps what was written: the node must fail its check
    if "out" in arrays and not isinstance(fn.out, Packed) and fn.out.dtype == x._a.dtype:
        fn.out, fn.out_v = x._a, x._v
    fn.clock = CLOCK.now


def write_out(out, made, *inputs, stacklevel=3):
    """What ``out=`` means: the result is written into ``out``, which takes its shape and must hold its dtype."""
    if any(hasattr(t._xp.transform, "tangent") for t in (made, out)):
        raise no_out_of_duals()
    if is_grad_enabled() and any(getattr(t, "_fn", None) is not None for t in (*inputs, out)):
        row = getattr(getattr(made._fn, "node", made._fn), "row", None)
        name = f"{row.name.rstrip('_')}(): " if row is not None else ""
        raise RuntimeError(
            f"{name}functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )
    check_memory(out, inputs)
    if made.dtype is not out.dtype:
        check_dtype(out, made)
    if out._a.shape != made._a.shape:
        if out.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out._a.shape)}, which does not match the "
                f"required output shape {list(made._a.shape)}. This behavior is deprecated, and in a future PyTorch release outputs "
                "will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, "
                "to zero elements with t.resize_(0).",
                UserWarning,
                stacklevel=stacklevel,
            )
        out._a = out._xp.empty(made._a.shape, out._a.dtype)
    return store(out, made.to(device=out.device, dtype=out.dtype))


def copy_slices(base, part, path):
    """The node of a base of which ``part`` was written at ``path``."""
    edges = (edge_of(base), edge_of(part))
    node = new_node(slices_class(), array_space(base._xp), edges, base._a.shape, base._a.dtype)
    node.path = path
    return node


@functools.cache
def slices_class():
    """The class of these nodes: they show the arguments of the op that wrote, as torch does, and not the op itself."""
    from .rows import ROWS

    kind = ROWS["copy_slices"].node_class
    members = {"__slots__": (), "__module__": kind.__module__, "next_functions": property(base_and_arguments)}
    return type("CopySlices", (kind,), members)


def base_and_arguments(node):
    base, part = (as_function(edge) for edge in node.next)
    return (base, *part[0].next_functions[1:]) if part[0] is not None else (base,)


def array_space(xp):
    """The namespace of the arrays, below that of dual tensors."""
    while hasattr(xp.transform, "tangent"):
        xp = xp.base
    return xp


def renew_views(base, version):
    """Give every live view of a changed base a history that starts at the base's new one."""
    from .rows import ROWS

    row = ROWS["as_view"]
    for tensor in version.live_views():
        extra = tensor._x
        if extra is None or extra.base is not base:
            continue
        if base._fn is None:
            rewrite_history(tensor, None)
            continue
        if extra.made is not None:
            forbid(tensor)
            continue
        node = new_node(row.node_class, array_space(base._xp), (edge_of(base),), tensor._a.shape, tensor._a.dtype)
        node.path = extra.path
        node.x_shape = base._a.shape
        rewrite_history(tensor, node)


class ForbiddenView:
    """In place of the edge of a view that cannot follow a write into its base: there is no node behind it."""

    __slots__ = ("dtype", "error", "shape")
    _kind = PORT
    index = 0

    def __init__(self, view):
        self.shape, self.dtype = view._a.shape, view._a.dtype
        self.error = view_in_place(view, through_base=True)

    @property
    def node(self):
        raise self.error


def forbid(view):
    """Let every later look at a view's history raise."""
    if view._fn.__class__ is not ForbiddenView:
        view._fn = ForbiddenView(view)


def turn(x, made):
    """Let ``x`` take the shape of its view ``made``, on the same memory, in place.

    Views that ``x`` already has are views of its old shape: that lives on in a tensor of its own, their base and that of x.
    """
    if made._x is None or made._x.base is not x:
        if x._x is not None and x._x.base is not None:
            x._x.path = made._x.path
    elif x._v.live_views():
        base = wrap(Tensor, x._xp, x._a, x._fn)
        base._v = x._v
        for view in x._v.live_views():
            if view._x is not None and view._x.base is x:
                view._x.base = base
        x._extra().base, x._extra().path = base, made._x.path
        x._v.add_view(x)
    x._a = made._a
    x._v.bump()
    if hasattr(x._xp.transform, "turn"):
        x._xp.transform.turn(x, made)
    if made._fn is not None:
        rewrite_history(x, made._fn)
