"""The slow path of an op: dtype promotion, mixed devices, Python scalars of other kinds, and the error that fits."""

from . import dtypes
from .errors import inference_saved
from .graph import CLOCK, INFERENCE, LEAF, ORDERS, Port, Version
from .modes import Defaults, is_grad_enabled
from .recording import Lines, Watchers, locate, pack_saved

_new = object.__new__
SCALARS = (bool, int, float, complex)


def rebuild(xp, a, edge):
    """A tensor for a saved array: with the history it had, so that a gradient rule can itself be recorded."""
    from .tensor import Tensor, wrap

    if a is None or not isinstance(a, xp.array_type):
        return a
    if isinstance(edge, Tensor) and edge._a is a:
        return edge
    return wrap(Tensor, xp, a, edge)


def operate(row, inputs, statics, failure):
    """What a generated function calls when its fast path did not hold."""
    if getattr(failure, "is_final", False):
        raise failure
    transform = transform_of((*inputs, *statics))
    if transform is not None and not (hasattr(transform, "settled") and transform.settled(inputs, statics)):
        return transform.apply(row, inputs, statics)
    if row.kind in ("elementwise", "nondifferentiable") and row.tensors:
        return elementwise(row, inputs, statics)
    from .errors import explain

    raise explain(row, inputs, statics, failure) from None


def operate_operator(row, inputs, statics, failure):
    """As :func:`operate`; an operand of a foreign type gives NotImplemented, so that its own operator is asked."""
    other = inputs[-1]
    if not (is_tensor(other) or isinstance(other, SCALARS) or is_number(other)):
        return NotImplemented
    if not is_tensor(inputs[0]):  # as only a call by the class's name can have it
        from .errors import not_a_tensor

        raise not_a_tensor(row, 0, inputs[0])
    return operate(row, inputs, statics, failure)


def in_one_space(tensors):
    """Tensors of different namespaces brought into one.

    Raises:
        RuntimeError: they are on different devices, or one is under another transform than vmap.
    """
    from .errors import two_devices

    transform = transform_of(tensors)
    if not hasattr(transform, "together"):
        raise two_devices(tensors)
    return transform.together(tensors)


class Transforms:
    """How many forward-mode levels are open: a backward pass then carries tensors, which may be duals."""

    count = 0


def transform_of(values):
    """The innermost function transform (forward mode, vmap) that a value is under, None without one.

    A tensor under a transform has a namespace of its own, so that the fast path refuses it and pays nothing otherwise.
    Arrays among static arguments (indices, masks) may be under vmap as well: they know their namespace.
    """
    found = None
    for value in values:
        if value.__class__ is tuple or value.__class__ is list:
            transform = transform_of(value)
        else:
            xp = getattr(value, "_xp", None) or getattr(value, "space", None)
            transform = getattr(xp, "transform", None)
        if transform is not None and (found is None or transform.rank > found.rank):
            found = transform
    return found


def elementwise(row, inputs, statics):
    """Promote, bring to one device, compute, record."""
    from .errors import explain, not_a_tensor

    xp = common_namespace(row, inputs)
    for i, value in enumerate(inputs):
        if not (value is None or is_tensor(value) or isinstance(value, SCALARS) or is_number(value)):
            raise not_a_tensor(row, i, value)
    common = result_type(inputs)
    if row.result == "float" and common.kind < dtypes.FLOAT:
        common = Defaults.dtype
    if row.check is not None:
        error = row.check(*inputs, *statics)
        if error is not None:
            raise error
    native = native_dtype(xp, common)
    arrays = []
    for value in inputs:
        if is_tensor(value):
            a = value._a if value._xp is xp else xp.from_host(value._host())
            arrays.append(a if a.dtype == native else xp.astype(a, native))
        elif value is None:
            arrays.append(None)
        else:
            arrays.append(xp.full((), value, native))
    try:
        r = computed(row, xp, common, arrays, statics)
    except Exception as error:
        raise explain(row, inputs, statics, error) from None
    if row.keeps_dtype and r.dtype != native:
        r = xp.astype(r, native)
    return record(row, xp, xp.wrap(r), inputs, arrays, statics)


def computed(row, xp, common, arrays, statics):
    """What the row's function gives; where a library has no such function of bools, that of 0 and 1."""
    function = getattr(xp, row.xp_name)
    try:
        return function(*arrays, *statics)
    except TypeError:
        if common is not dtypes.bool_ or row.result not in ("same", "bool"):
            raise
    return function(*(None if a is None else xp.astype(a, xp.uint8) for a in arrays), *statics)


def is_tensor(value):
    return hasattr(value, "_xp")


def is_number(value):
    """numpy's scalars and the like: 0-d things that become a Python number."""
    return hasattr(value, "item") and getattr(value, "shape", None) == ()


def common_namespace(row, inputs):
    """The device of the dimensioned tensors; 0-dim cpu tensors may join any."""
    from .errors import not_a_tensor, two_devices

    tensors = [t for t in inputs if is_tensor(t)]
    if not tensors or (not is_tensor(inputs[0]) and row.name not in SCALAR_FIRST):
        raise not_a_tensor(row, 0, inputs[0])
    spaces = {id(t._xp): t for t in tensors}
    if len(spaces) == 1:
        return tensors[0]._xp
    anchored = {id(t._xp): t for t in tensors if t._a.shape or t._xp.device_type != "cpu"}
    if len(anchored) != 1:
        raise two_devices(tensors)
    return next(iter(anchored.values()))._xp


SCALAR_FIRST = {
    "add",
    "sub",
    "mul",
    "div",
    "pow_tensor",
    "pow_whole",
    "where_",
    "remainder",
    "floor_divide",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "xlogy",
}


def native_dtype(xp, d):
    native = getattr(xp, d.name, None)
    if native is None:
        raise NotImplementedError(
            f"backend {xp.name!r} has no dtype {d.name}"
            + (
                '; install it with pip install "plugrad[bfloat16]"'
                if d.name == "bfloat16" and xp.name == "numpy"
                else ""
            )
        )
    return native


def number_dtype(value):
    if isinstance(value, bool):
        return dtypes.bool_
    if isinstance(value, int):
        return dtypes.int64
    if isinstance(value, float):
        return Defaults.dtype
    return Defaults.dtype.to_complex()


def result_type(values):
    """torch's rule: dimensioned tensors, then 0-dim tensors, then Python numbers; a later class counts only by category."""
    groups = [None, None, None]
    for value in values:
        if value is None:
            continue
        if is_tensor(value):
            level, d = (0 if value._a.shape else 1), value.dtype
        else:
            number = value.item() if is_number(value) else value
            level, d = 2, number_dtype(number)
        groups[level] = d if groups[level] is None else dtypes.promote_types(groups[level], d)
    result = None
    for d in groups:
        if result is None:
            result = d
        elif d is not None and d.kind > result.kind:
            # A float tensor decides the precision of the complex result.
            result = result.to_complex() if result.kind == dtypes.FLOAT else d
    return result


def record(row, xp, r, inputs, arrays, statics):
    """The generated record step, for a row of one output, in general form."""
    from .tensor import Tensor, wrap

    t = wrap(Tensor, xp, r, None)
    edges = tuple(edge_of(v) for v in inputs)
    if not row.is_differentiable or not any(e is not None for e in edges) or not is_grad_enabled():
        return t
    n = new_node(row.node_class, xp, edges, r.shape, r.dtype)
    for name in row.node_class.saved_arrays:
        if name in row.tensors:
            if not is_needed(row, name, edges):
                continue
            i = row.tensors.index(name)
            original = is_tensor(inputs[i]) and inputs[i]._a is arrays[i]
            setattr(n, name, arrays[i])
            setattr(n, name + "_v", version_of(inputs[i]) if original else None)
        else:
            setattr(n, name, r)
            setattr(n, name + "_v", version_of(t))
    for name in row.node_class.saved_values:
        if name in row.statics:
            setattr(n, name, statics[row.statics.index(name)])
        else:
            base, _, what = name.rpartition("_")
            setattr(n, name, getattr(arrays[row.tensors.index(base)], what))
    t._fn = n
    if Watchers.count:
        pack_saved(n)
    return t


def is_needed(row, name, edges):
    """Whether an argument is to be kept: the gradient of another one that is wanted uses it."""
    from .op_text import needed_by_others

    users = needed_by_others(row, name)
    return not users or len(edges) == 1 or any(edges[row.tensors.index(u)] is not None for u in users)


def new_node(cls, xp, edges, shape, dtype):
    n = _new(cls)
    n.order = next(ORDERS)
    n.clock = CLOCK.now
    n.hooks = None
    n.xp = xp
    n.next = edges
    n.shape = shape
    n.dtype = dtype
    if Lines.enabled:  # in anomaly mode too
        locate(n)
    return n


def edge_of(value):
    fn = getattr(value, "_fn", None)
    return value if fn is LEAF else fn


def version_of(tensor):
    """The Version of a tensor that is to be kept for the backward."""
    if tensor._v is INFERENCE:
        raise inference_saved()
    if tensor._v is None:
        tensor._v = _new(Version)
        tensor._v.clock = 0
    return tensor._v


__all__ = ["Port", "edge_of", "elementwise", "new_node", "operate", "rebuild", "record", "result_type", "version_of"]
