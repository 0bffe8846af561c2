"""The text of an op: straight Python, made for the number of its arguments and for what its gradient rules name, so that
a recorded elementwise op costs one Python frame.
"""

from .rows import parameters

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


def function_text(row, function_name, slow, with_out, watched=False, inference=False, lined=False):
    """The text of an op's function.

    Args:
        slow: name of the function that takes over when the fast path does not hold.
        with_out: give it ``out=``.
        watched: tell core/recording.py of each node.
        lined: note the instruction of the program that called.
        inference: mark what is made in inference mode, and refuse to save it.
    """
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
        write_tensor(w, row, "t", "r", inference)
    else:
        w(1, f"{', '.join('r_' + o for o in row.outputs)} = r")
        for o in row.outputs:
            write_tensor(w, row, "t_" + o, "r_" + o, inference)
    if row.kind == "view":
        w(1, f"share_memory(t, {args[row.tensors[0]]}, {row.xp_name!r}, ({''.join(s + ', ' for s in row.statics)}))")
    result = "t" if single else f"({', '.join('t_' + o for o in row.outputs)})"
    if not row.is_differentiable:
        w(1, f"return {result}")
        return w.text()
    idle = " and ".join(f"f_{t} is None" for t in row.tensors)
    w(1, f"if ({idle}) or not is_grad_enabled():")
    w(2, f"return {result}")
    write_node(w, row, args, inference)
    if lined:
        write_line(w)
    if watched:
        w(1, "observe(n)")
    w(1, f"return {result}")
    return w.text()


def write_line(w):
    # A pair of code and offset; the line itself is found when somebody asks. A call for this would double its price.
    w(1, "frame = getframe(1)")
    w(1, "code = frame.f_code")
    w(1, "if code is not PROGRAM.code:")
    w(2, "frame, code = PROGRAM.find(frame)")
    w(1, "n.line_code = code")
    w(1, "n.line_offset = frame.f_lasti")


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


def write_tensor(w, row, t, r, inference):
    w(1, f"{t} = new(Tensor)")
    w(1, f"{t}._a = {r}")
    w(1, f"{t}._xp = xp")
    w(1, f"{t}._fn = None")
    w(1, f"{t}._v = INFERENCE if is_inference_mode_enabled() else None" if inference else f"{t}._v = None")
    w(1, f"{t}._x = None")


def write_node(w, row, args, inference):
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
        write_saved_array(w, row, name, args, single, inference)
    for name in values:
        base, _, what = name.rpartition("_")
        source = name if name in row.statics else f"{base}.{what}"
        if base in row.tensors and row.optional[row.tensors.index(base)] and name not in row.statics:
            source = f"None if {base} is None else {source}"
        elif base in row.tensors and row.scalars and base != row.tensors[0]:
            source = f"getattr({base}, {what!r}, None)"
        w(1, f"n.{name} = {source}")


def write_saved_array(w, row, name, args, single, inference):
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
    if inference:
        w(depth, "elif v is INFERENCE:")
        w(depth + 1, "raise inference_saved()")
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
