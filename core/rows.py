"""A row: one op's signature, gradient rules, and what follows from them."""

ROWS: dict[str, "Row"] = {}


class Row:
    """One op: its signature, its gradient rules, and what follows from them.

    Args:
        signature: ``"name(x, y?, *, static) -> out, other:no"``: tensors (``?`` may be None), static arguments, outputs
            (``:no`` marks one without a gradient).
        rules: one per tensor argument, None where there is no derivative; the parameter names are what the node keeps:
            ``g`` the incoming gradient (``g_<output>`` where there are several), an argument, an output, ``x_shape``,
            ``x_dtype``, a static argument, ``xp`` the namespace.
        jvp: the tangent of the result, where its kind does not say it: a function that may ask for what rules ask for, and
            for ``t_x``, the tangent of the argument x; or "linear": of several arguments, that the op is linear in them.
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
        jvp=None,
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
        self.jvp = jvp
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
        self.casts = False  # whether it is to cast its arguments first, see core/casting.py
        self.codes = {}
        self._node_class = None

    def __repr__(self):
        return f"<row {self.signature} ({self.kind})>"

    @property
    def node_class(self):
        if not self.compiled:
            from .compile import materialize

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
