"""A row becomes a function, a node class and its gradient methods. The only exec in the project.

The text of each op is straight Python, made for the number of its arguments and for what its gradient rules name, so a
recorded elementwise op costs one Python frame. ``linecache`` knows the text: pdb and tracebacks show it.
"""

import linecache
import operator
import threading
import types
from collections.abc import Callable

from .graph import CLOCK, FREED, LEAF, ORDERS, Node, Port, Version
from .modes import is_grad_enabled


class Fallback(Exception):
    """The fast path does not hold (other dtypes, devices, argument kinds): the slow path decides or explains."""


class ScalarOperand:
    """Stands for a Python number where the fast path asks a tensor for its version."""

    _v = Version()
    _fn = None


FAST_ERRORS = (Fallback, AttributeError, TypeError, ValueError, IndexError, ArithmeticError, RuntimeError)

ROWS: dict[str, "Row"] = {}


class Row:
    """One op: its signature, its gradient rules, and what follows from them.

    Args:
        signature: ``"name(x, y?, *, static) -> out, other:no"``: tensors (``?`` may be None), static arguments, outputs
            (``:no`` marks one without a gradient).
        rules: one per tensor argument, None where there is no derivative; the parameter names are what the node keeps:
            ``g`` the incoming gradient (``g_<output>`` where there are several), an argument, an output, ``x_shape``,
            ``x_dtype``, a static argument, ``xp`` the namespace.
        vjp: instead of rules, one function for all arguments; takes ``needs`` too and returns a tuple.
        kind: elementwise, linear, bilinear, view, general or nondifferentiable.
        xp: name of the namespace's function, if another than the op's.
        node: name of the node class, ``MulBackward0``.
        result: "same" (of the promoted arguments), "float" (integers become the default dtype), "real" (the same, but of a
            complex argument the real dtype), "bool", or "other".
        operator: the Python operator's name without underscores, ``"add"``: a second function is made for it.
        real: complex arguments are refused, by the check; the array libraries would compare them somehow.
        match: all tensor arguments must have one dtype (torch promotes elementwise arguments only).
    """

    def __init__(
        self,
        signature,
        rules=(),
        *,
        vjp=None,
        kind,
        xp=None,
        node=None,
        result="same",
        match=False,
        doc="",
        check=None,
        operator=None,
        real=False,
    ):
        self.name, self.tensors, self.optional, self.statics, self.outputs, self.differentiable = parse(signature)
        self.signature = signature
        self.rules = rules
        self.vjp = vjp
        self.kind = kind
        self.xp_name = xp or self.name
        self.node_name = node or "".join(p.capitalize() for p in self.name.split("_")) + "Backward0"
        self.result = result
        self.match = match
        self.doc = doc
        self.check = check
        self.operator = operator
        self.real = real
        self.scalars = kind in ("elementwise", "nondifferentiable") and len(self.tensors) == 2
        # Elementwise rows without static arguments are public as they are, with torch's argument names and out=.
        self.has_out = kind in ("elementwise", "nondifferentiable") and not self.statics and not self.name.endswith("_")
        self.keeps_dtype = (self.has_out and result in ("same", "float")) or (
            kind == "elementwise" and result != "real"
        )
        # The fast path leaves a result of another dtype than the first argument's to the slow one.
        self.guards_dtype = kind == "elementwise" or self.keeps_dtype
        self.needs = {p for rule in (*rules, vjp) if rule is not None for p in parameters(rule)}
        self.function = None
        self.operator_function = None
        self.compiled = False
        self.codes = {}
        self._node_class = None

    def __repr__(self):
        return f"<row {self.signature} ({self.kind})>"

    @property
    def node_class(self):
        if not self.compiled:
            materialize(self)
        return self._node_class

    @property
    def is_differentiable(self):
        return self.vjp is not None or any(rule is not None for rule in self.rules)


def parameters(function):
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def parse(signature):
    head, _, tail = signature.partition("->")
    name, _, inside = head.strip().rstrip(")").partition("(")
    before, _, after = inside.partition("*")
    tensors = [t.strip() for t in before.split(",") if t.strip()]
    statics = [s.strip() for s in after.split(",") if s.strip()]
    outputs = [o.strip() for o in tail.split(",") if o.strip()] or ["out"]
    optional = [t.endswith("?") for t in tensors]
    differentiable = [not o.endswith(":no") for o in outputs]
    return (
        name,
        [t.rstrip("?") for t in tensors],
        optional,
        statics,
        [o.removesuffix(":no") for o in outputs],
        differentiable,
    )


# Argument names of the public function, by position, as torch has them.
PUBLIC = ("input", "other", "third")


class Writer:
    """Collects indented lines."""

    def __init__(self):
        self.lines = []

    def __call__(self, depth, text):
        self.lines.append("    " * depth + text)

    def text(self):
        return "\n".join(self.lines) + "\n"


def saved_names(row):
    """(arrays, values) that a node of this row keeps, by the names in its rules."""
    arrays = [n for n in (*row.tensors, *row.outputs) if n in row.needs]
    values = [s for s in row.statics if s in row.needs]
    values += [t + suffix for t in row.tensors for suffix in ("_shape", "_dtype") if t + suffix in row.needs]
    return arrays, values


def needed_by_others(row, tensor):
    """The tensor arguments whose gradients use this saved one; None: all (a joint vjp)."""
    if row.vjp is not None:
        return None
    return [
        t for t, rule in zip(row.tensors, row.rules, strict=True) if rule is not None and tensor in parameters(rule)
    ]


def function_text(row, function_name, slow, with_out, watched=False):
    w = Writer()
    args = argument_names(row)
    arguments = ", ".join([args[t] for t in row.tensors] + row.statics)
    if with_out:
        w(0, f"def {function_name}({arguments}, *, out=None):")
        w(1, "if out is not None:")
        w(2, f"return write_out(out, {function_name}({arguments}), {arguments})")
    else:
        w(0, f"def {function_name}({arguments}):")
    w(1, "try:")
    write_forward(w, row, args)
    w(1, "except FAST_ERRORS as error:")
    w(2, "failure = error.with_traceback(None)")  # its traceback would hold this frame, which holds it
    w(2, "r = None")
    w(1, "if r is None:")
    w(
        2,
        f"return {slow}(ROW, ({', '.join(args[t] for t in row.tensors)},), ({''.join(s + ', ' for s in row.statics)}), failure)",
    )
    single = len(row.outputs) == 1
    if single:
        w(1, "if r.__class__ is not xp.array_type:")
        w(2, "r = xp.wrap(r)")
        if row.kind in ("linear", "bilinear", "general") and row.result == "same" and row.tensors:
            # Some dtypes come back wider (bfloat16 products from numpy).
            w(1, f"if r.dtype is not {row.tensors[0]}.dtype:")
            w(2, f"r = xp.astype(r, {row.tensors[0]}.dtype)")
        write_tensor(w, row, "t", "r")
    else:
        w(1, f"{', '.join('r_' + o for o in row.outputs)} = r")
        for o in row.outputs:
            write_tensor(w, row, "t_" + o, "r_" + o)
    if row.kind == "view":
        w(1, f"share_memory(t, {args[row.tensors[0]]}, {row.xp_name!r}, ({''.join(s + ', ' for s in row.statics)}))")
    result = "t" if single else f"({', '.join('t_' + o for o in row.outputs)})"
    if not row.is_differentiable:
        w(1, f"return {result}")
        return w.text()
    idle = " and ".join(f"f_{t} is None" for t in row.tensors)
    w(1, f"if ({idle}) or not is_grad_enabled():")
    w(2, f"return {result}")
    write_node(w, row, args)
    if watched:
        w(1, "observe(n)")
    w(1, f"return {result}")
    return w.text()


def argument_names(row):
    """Public functions carry torch's argument names; inside they must differ from the arrays' names."""
    if row.has_out:
        return dict(zip(row.tensors, PUBLIC, strict=False))
    return {t: f"a_{t}" for t in row.tensors}


def first_dtype(row):
    return f"{row.tensors[0]}_dtype" if row.guards_dtype else f"{row.tensors[0]}.dtype"


def write_forward(w, row, args):
    first = row.tensors[0]
    w(2, f"xp = {args[first]}._xp")
    w(2, f"{first} = {args[first]}._a")
    if row.guards_dtype:
        w(2, f"{first}_dtype = {first}.dtype")  # an array makes its dtype on each look: 20 ns
    if row.is_differentiable:
        w(2, f"f_{first} = {args[first]}._fn")
    for t, optional in list(zip(row.tensors, row.optional, strict=True))[1:]:
        write_argument(w, row, t, args[t], first, optional)
    call = f"xp.{row.xp_name}({', '.join(row.tensors + row.statics)})"
    w(2, f"r = {call}")
    if row.guards_dtype:
        w(2, f"if r.dtype is not {first}_dtype:")
        w(3, "raise Fallback")
    if row.real:
        dtype = first_dtype(row)
        w(2, f"if {dtype} is xp.complex64 or {dtype} is xp.complex128:")
        w(3, "raise Fallback")
    if row.kind == "view":
        w(2, "if r is None:")
        w(3, "raise Fallback")


def write_argument(w, row, t, arg, first, optional):
    same = row.kind in ("elementwise", "nondifferentiable") or row.match
    dtype = first_dtype(row)
    misfit = f"{arg}._xp is not xp" + (f" or ({t} := {arg}._a).dtype is not {dtype}" if same else "")
    if row.match:
        misfit += f" and {t}.dtype != {dtype}"  # some libraries make a dtype object per array
    saved_scalar = row.scalars and t in row.needs
    word = "if"
    if row.scalars:
        w(2, f"if {arg}.__class__ is float or {arg}.__class__ is int:")
        w(3, f"{t} = {arg}")
        if row.is_differentiable:
            w(3, f"f_{t} = None")
        if saved_scalar:
            w(3, f"s_{t} = SCALAR")
        word = "elif"
    elif optional:
        w(2, f"if {arg} is None:")
        w(3, f"{t} = f_{t} = None" if row.is_differentiable else f"{t} = None")
        word = "elif"
    w(2, f"{word} {misfit}:")
    w(3, "raise Fallback")
    rest = [] if same else [f"{t} = {arg}._a"]
    if row.is_differentiable:
        rest.append(f"f_{t} = {arg}._fn")
    if saved_scalar:
        rest.append(f"s_{t} = {arg}")
    if rest:
        w(2, "else:")
        for line in rest:
            w(3, line)


def write_tensor(w, row, t, r):
    w(1, f"{t} = new(Tensor)")
    w(1, f"{t}._a = {r}")
    w(1, f"{t}._xp = xp")
    w(1, f"{t}._fn = None")
    w(1, f"{t}._v = None")
    w(1, f"{t}._x = None")


def write_node(w, row, args):
    single = len(row.outputs) == 1
    w(1, "n = NODE()")
    w(1, "n.order = next(ORDERS)")
    w(1, "n.clock = CLOCK.now")
    w(1, "n.hooks = None")
    w(1, "n.xp = xp")
    edges = "".join(f"{args[t]} if f_{t} is LEAF else f_{t}, " for t in row.tensors)
    w(1, f"n.next = ({edges})")
    if single:
        w(1, "n.shape = r.shape")
        w(1, f"n.dtype = {first_dtype(row) if row.guards_dtype else 'r.dtype'}")
        w(1, "t._fn = n")
    else:
        for i, (o, differentiable) in enumerate(zip(row.outputs, row.differentiable, strict=True)):
            if differentiable:
                w(1, f"t_{o}._fn = Port(n, {i}, r_{o}.shape, r_{o}.dtype)")
        w(1, f"n.shape = ({''.join(f'r_{o}.shape, ' for o in row.outputs)})")
        w(1, f"n.dtype = ({''.join(f'r_{o}.dtype, ' for o in row.outputs)})")
    arrays, values = saved_names(row)
    for name in arrays:
        write_saved_array(w, row, name, args, single)
    for name in values:
        base, _, what = name.rpartition("_")
        source = name if name in row.statics else f"{base}.{what}"
        if base in row.tensors and row.optional[row.tensors.index(base)] and name not in row.statics:
            source = f"None if {base} is None else {source}"
        elif base in row.tensors and row.scalars and base != row.tensors[0]:
            source = f"getattr({base}, {what!r}, None)"
        w(1, f"n.{name} = {source}")


def write_saved_array(w, row, name, args, single):
    if name in row.outputs:
        value, tensor = ("r", "t") if single else ("r_" + name, "t_" + name)
    else:
        is_scalar = row.scalars and name != row.tensors[0]
        value, tensor = name, f"s_{name}" if is_scalar else args[name]
    depth = 1
    users = needed_by_others(row, name)
    if name in row.tensors and users and len(row.tensors) > 1:
        w(1, f"if {' or '.join(f'f_{u} is not None' for u in users)}:")
        depth = 2
    elif name in row.tensors and row.optional[row.tensors.index(name)]:
        w(1, f"if {name} is None:")
        w(2, f"n.{name} = n.{name}_v = None")
        w(1, "else:")
        depth = 2
    w(depth, f"n.{name} = {value}")
    w(depth, f"v = {tensor}._v")
    w(depth, "if v is None:")
    w(depth + 1, f"v = {tensor}._v = new(Version)")
    w(depth + 1, "v.clock = 0")
    w(depth, f"n.{name}_v = v")


def node_text(row):
    """The gradient methods: on raw arrays, on tensors (every order), and the release of what is kept."""
    w = Writer()
    arrays, _ = saved_names(row)
    for graph in (False, True):
        w(0, f"def backward{'_graph' if graph else ''}(n, g):")
        if "xp" in row.needs:
            w(1, "xp = n.xp.tensors" if graph else "xp = n.xp")
        locals_ = prepare_saved(w, row, graph)
        differentiable = [o for o, d in zip(row.outputs, row.differentiable, strict=True) if d]
        if len(row.outputs) > 1:
            for o in differentiable:
                w(1, f"g_{o} = g[{row.outputs.index(o)}]")
            if len(differentiable) == 1:
                w(1, f"g = g_{differentiable[0]}")
        write_rules(w, row, locals_)
    w(0, "def release(n):")
    if arrays:
        w(1, "n.clock = FREED")
        for name in arrays:
            w(1, f"n.{name} = n.{name}_v = None")
    else:
        w(1, "return")
    return w.text()


def prepare_saved(w, row, graph):
    """How each name that a rule asks for is spelled inside the method."""
    spelled = {"g": "g", "xp": "xp"}
    arrays, values = saved_names(row)
    for o in row.outputs:
        spelled["g_" + o] = "g_" + o
    for name in values:
        spelled[name] = f"n.{name}"
        if graph and name.endswith("_dtype") and name not in row.statics:
            w(1, f"{name} = n.xp.to_dtype.get(n.{name})")
            spelled[name] = name
    for name in arrays:
        spelled[name] = f"n.{name}"
        if graph:
            edge = f"n.next[{row.tensors.index(name)}]" if name in row.tensors else output_edge(row, name)
            w(1, f"{name} = rebuild(n.xp, getattr(n, {name!r}, None), {edge})")
            spelled[name] = name
    spelled["needs"] = "needs"
    return spelled


def output_edge(row, name):
    i = row.outputs.index(name)
    if len(row.outputs) == 1:
        return "n"
    if not row.differentiable[i]:
        return "None"
    return f"Port(n, {i}, n.shape[{i}], n.dtype[{i}])"


def write_rules(w, row, spelled):
    if row.vjp is not None:
        w(1, f"needs = ({''.join(f'n.next[{i}] is not None, ' for i in range(len(row.tensors)))})")
        w(1, f"return VJP({', '.join(spelled[p] for p in parameters(row.vjp))})")
        return
    parts = []
    for i, rule in enumerate(row.rules):
        if rule is None:
            parts.append("None")
            continue
        if passes_on(rule):
            parts.append("g")
            continue
        call = f"RULE_{i}({', '.join(spelled[p] for p in parameters(rule))})"
        parts.append(call if len(row.rules) == 1 else f"{call} if n.next[{i}] is not None else None")
    w(1, f"return ({', '.join(parts)},)")


def passes_on(rule):
    """Whether a rule is ``lambda g: g``: then its call is left out."""
    return rule.__code__.co_code == (lambda g: g).__code__.co_code and parameters(rule) == ("g",)


def execute(text, name, namespace):
    filename = f"<plugrad {name}>"
    exec(compile(text, filename, "exec"), namespace)
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)


_lock = threading.RLock()
on_new_row: list[Callable] = []  # called with every row that is built from now on


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
    return function


def materialize(row):
    """Compile the row's text and put the code into the functions that stand for it."""
    with _lock:
        if row.compiled:
            return
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
        row.compiled = True
        if _texts.watched:
            use_text(row, True)


class _texts:
    """Which text the ops run: the plain one, or the one that reports each node to core/recording.py."""

    watched = False


def use_texts(watched):
    """Have all ops run their plain text or the watched one, now and when they are compiled later."""
    with _lock:
        if watched == _texts.watched:
            return
        _texts.watched = watched
        for row in ROWS.values():
            if row.compiled and row.is_differentiable:
                use_text(row, watched)


def use_text(row, watched):
    for function, slow, with_out in (
        (row.function, "slow_op", row.has_out),
        (row.operator_function, "slow_operator", False),
    ):
        if function is None or not row.is_differentiable:
            continue
        name, namespace = function.__name__, function.__globals__
        codes = row.codes.setdefault(name, {False: function.__code__})
        if watched not in codes:
            text = function_text(row, name, slow, with_out, watched=True)
            made = dict(namespace)
            execute(text, f"{name} of {row.name}, watched", made)
            codes[watched] = made[name].__code__
        function.__code__ = codes[watched]


def become(function, compiled):
    function.__kwdefaults__ = compiled.__kwdefaults__
    function.__defaults__ = compiled.__defaults__
    function.__code__ = compiled.__code__


def fill_namespace(row, namespace):
    """What the generated text refers to."""
    from . import slow
    from .recording import observe
    from .tensor import Tensor
    from .views import share_memory, write_out

    namespace |= {
        "CLOCK": CLOCK,
        "FAST_ERRORS": FAST_ERRORS,
        "FREED": FREED,
        "Fallback": Fallback,
        "LEAF": LEAF,
        "ORDERS": ORDERS,
        "Port": Port,
        "SCALAR": ScalarOperand,
        "Tensor": Tensor,
        "VJP": row.vjp,
        "Version": Version,
        "is_grad_enabled": is_grad_enabled,
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
        body["_saved_" + name] = property(operator.attrgetter(name))
    return type(row.node_name, (Node,), body)


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
