"""A row becomes a function, a node class and its gradient methods. The only exec in the project.

``linecache`` knows the text of each op: pdb and tracebacks show it.
"""

import linecache
import threading
import types
from collections.abc import Callable
from sys import _getframe

from .graph import CLOCK, FREED, INFERENCE, LEAF, ORDERS, Node, Port, Version
from .modes import is_grad_enabled, is_inference_mode_enabled
from .op_text import function_text, node_text, saved_names
from .rows import ROWS, Row
from .signatures import OpSignature
from .watching import WATCHED, WatchingNode


class Fallback(Exception):
    """The fast path does not hold (other dtypes, devices, argument kinds): the slow path decides or explains."""


class ScalarOperand:
    """Stands for a Python number where the fast path asks a tensor for its version."""

    _v = Version()
    _fn = None


FAST_ERRORS = (Fallback, AttributeError, TypeError, ValueError, IndexError, ArithmeticError, RuntimeError)


def execute(text, name, namespace):
    filename = f"<plugrad {name}>"
    exec(compile(text, filename, "exec"), namespace)
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)


_lock = threading.RLock()
on_new_row: list[Callable] = []  # called with every row that is built from now on
on_first_cast: list[Callable] = []  # called when autocast is first on: they say which ops it casts


def _stub(*args, **kwargs):
    # The body of every op until its first call; its code object is then replaced by the compiled one. So importing
    # hundreds of rows costs only their signatures, and later calls pay for no indirection.
    MATERIALIZE(ROW)  # noqa: F821 - globals of the function it stands for
    return FUNCTION(*args, **kwargs)  # noqa: F821


def build(row):
    """Enter a row in ROWS and make its function, which compiles itself when first called."""
    if row.name in ROWS:
        raise ValueError(f"two rows are named {row.name!r}")
    ROWS[row.name] = row
    row.function = _lazy(row, row.name)
    row.function.row = row
    if row.operator:
        from .tensor import Tensor

        row.operator_function = _lazy(row, f"__{row.operator}__")
        setattr(Tensor, f"__{row.operator}__", row.operator_function)
    for take in on_new_row:
        take(row)
    return row.function


def _lazy(row, name):
    namespace = {"MATERIALIZE": materialize, "ROW": row, "__name__": f"plugrad.core.ops.generated.{row.name}"}
    function = types.FunctionType(_stub.__code__, namespace, name)
    namespace["FUNCTION"] = function
    function.__qualname__ = name
    function.__doc__ = row.doc
    function.__module__ = "plugrad"
    function.__signature__ = OpSignature(row, row.has_out and name == row.name)
    return function


def materialize(row):
    """Compile the row's text, the one that is in use now, and put the code into the functions that stand for it."""
    with _lock:
        if not row.compiled:
            compile_row(row)
        for function in functions_of(row):
            function.__code__ = variant(row, function, texts_of(row))


def compile_row(row):
    text = function_text(row, row.name, "slow_op", row.has_out)
    if row.is_differentiable:
        text += "\n\n" + node_text(row)
    namespace = row.function.__globals__
    fill_namespace(row, namespace)
    execute(text, row.name, namespace)
    if row.is_differentiable:
        row._node_class = make_node_class(row, namespace)
        namespace["NODE"] = row._node_class
    become(row.function, namespace[row.name])
    namespace[row.name] = row.function
    if row.operator:
        name = f"__{row.operator}__"
        globals_ = row.operator_function.__globals__
        fill_namespace(row, globals_)
        globals_["NODE"] = row._node_class
        execute(function_text(row, name, "slow_operator", False), f"operator {name} of {row.name}", globals_)
        become(row.operator_function, globals_[name])
    row.codes = {f.__name__: {(): f.__code__} for f in functions_of(row)}
    row.compiled = True


class _texts:
    """Which text the ops run: the plain one (), or one that does more, by the extra arguments of function_text()."""

    used = ()


def use_texts(name, wanted):
    """Have all ops run a text with or without an extra: "watched", "lined", "inference" or "intercepted"; those compiled later too."""
    with _lock:
        used = set(_texts.used) - {name} | ({name} if wanted else set())
        _texts.used = tuple(sorted(used))
        for row in ROWS.values():
            exchange(row)


def use_casting_texts(rows, wanted):
    """Have some rows cast their arguments first, or no longer."""
    with _lock:
        for row in rows:
            row.casts = wanted
            exchange(row)


def exchange(row):
    """Put the texts that are in use now into a row's functions; what was not compiled yet is when the op is called next."""
    for function in functions_of(row) if row.compiled else ():
        function.__code__ = row.codes[function.__name__].get(texts_of(row), _stub.__code__)


def texts_of(row):
    """The extras of the text that a row is to run."""
    return (*_texts.used, "casting") if row.casts else _texts.used


def functions_of(row):
    return [f for f in (row.function, row.operator_function) if f is not None]


def variant(row, function, extras):
    """The code of one of a row's functions with extras."""
    name = function.__name__
    if extras not in row.codes[name]:
        is_operator = function is row.operator_function
        slow, with_out = ("slow_operator", False) if is_operator else ("slow_op", row.has_out)
        outer = "casting" if "casting" in extras else "intercepted" if "intercepted" in extras else None
        if outer is not None:
            from .casting import cast_row
            from .interception import intercepting_text, proceed

            rest = tuple(e for e in extras if e != outer)
            first = cast_row if outer == "casting" else proceed
            text = intercepting_text(row, function, variant(row, function, rest), rest, first)
        else:
            text = function_text(row, name, slow, with_out, **dict.fromkeys(extras, True))
        made = dict(function.__globals__)
        execute(text, " ".join([name, "of", row.name, *extras]), made)
        row.codes[name][extras] = made[name].__code__
    return row.codes[name][extras]


def become(function, compiled):
    function.__kwdefaults__ = compiled.__kwdefaults__
    function.__defaults__ = compiled.__defaults__
    function.__code__ = compiled.__code__


def fill_namespace(row, namespace):
    """What the generated text refers to."""
    from . import slow
    from .errors import inference_saved
    from .recording import Program, observe
    from .tensor import Tensor
    from .views import share_memory, write_out

    namespace |= {
        "CLOCK": CLOCK,
        "FAST_ERRORS": FAST_ERRORS,
        "FREED": FREED,
        "Fallback": Fallback,
        "INFERENCE": INFERENCE,
        "LEAF": LEAF,
        "ORDERS": ORDERS,
        "PROGRAM": Program,
        "Port": Port,
        "SCALAR": ScalarOperand,
        "Tensor": Tensor,
        "VJP": row.vjp,
        "Version": Version,
        "getframe": _getframe,
        "inference_saved": inference_saved,
        "is_grad_enabled": is_grad_enabled,
        "is_inference_mode_enabled": is_inference_mode_enabled,
        "new": object.__new__,
        "observe": observe,
        "rebuild": slow.rebuild,
        "share_memory": share_memory,
        "slow_op": slow.operate,
        "slow_operator": slow.operate_operator,
        "write_out": write_out,
    }
    namespace |= {f"RULE_{i}": rule for i, rule in enumerate(row.rules)}


def make_node_class(row, namespace):
    arrays, values = saved_names(row)
    clash = set(arrays + values) & set(Node.__slots__)
    if clash:
        raise ValueError(f"row {row.name}: {sorted(clash)} are names of a node's own; rename the static arguments")
    slots = (*arrays, *(a + "_v" for a in arrays), *values)
    body = {
        "__slots__": slots,
        "__module__": "plugrad.autograd",
        "row": row,
        "outputs": len(row.outputs),
        "saved_arrays": tuple(arrays),
        "saved_values": tuple(values),
        "conjugates": True,
        "releases": bool(arrays),
        "exact": row.kind == "elementwise" and len(row.tensors) == 1,
        "backward": namespace["backward"],
        "backward_graph": namespace["backward_graph"],
        "release": namespace["release"],
    }
    for name in arrays:
        body["_saved_" + PUBLIC_SAVED.get(name, name)] = saved_property(name, row)
    for name in values:
        body["_saved_" + name] = value_property(name)
    base = WatchingNode if WATCHED.intersection(values) else Node
    return type(row.node_name, (base,), body)


# How torch names what a node keeps: ``grad_fn._saved_self``.
PUBLIC_SAVED = {"x": "self", "y": "other", "out": "result"}


def saved_property(name, row):
    def saved(n):
        from .errors import freed_graph
        from .recording import Packed
        from .slow import rebuild

        if n.clock == -1:
            raise freed_graph()
        edge = n.next[row.tensors.index(name)] if name in row.tensors else n if row.outputs == [name] else None
        kept = getattr(n, name, None)
        return rebuild(n.xp, kept.array() if isinstance(kept, Packed) else kept, edge)

    return property(saved)


def value_property(name):
    def saved(n):
        from .recording import Packed
        from .slow import rebuild

        kept = getattr(n, name)
        return rebuild(n.xp, kept.array() if isinstance(kept, Packed) else kept, None)

    return property(saved)


# --- the kinds ---
def elementwise(signature, *rules, doc, **options):
    """y_i = f(x_i, ...): broadcasts, promotes dtypes; its jvp is the same rules summed."""
    return build(Row(signature, rules, kind="elementwise", doc=doc, **options))


def linear(signature, *rules, doc, **options):
    """Linear in its tensor arguments: the jvp is the op itself."""
    return build(Row(signature, rules, kind="linear", doc=doc, **options))


def bilinear(signature, *rules, doc, **options):
    """Linear in each of two tensor arguments: jvp f(ẋ, y) + f(x, ẏ)."""
    return build(Row(signature, rules, kind="bilinear", doc=doc, match=True, **options))


def view(signature, *rules, doc, **options):
    """Linear, and the result lies on the argument's memory."""
    return build(Row(signature, rules, kind="view", doc=doc, **options))


def general(signature, *rules, doc, **options):
    """Any other differentiable op, by rules or by one joint ``vjp``."""
    return build(Row(signature, rules, kind="general", doc=doc, **options))


def nondifferentiable(signature, *, doc, **options):
    """An op without a derivative; its results never require grad."""
    return build(Row(signature, (), kind="nondifferentiable", doc=doc, **options))
