"""The checks that every row of the op table goes through, on any backend.

A sample is a function of a random generator that gives (inputs, static arguments): float64 numpy arrays (complex128,
ints and bools where the op wants them), None for an optional tensor left out, a Python number where a row takes one.
Sample files expose ``SAMPLES`` (row name → list of samples) and may expose ``REFERENCES`` (row name → the same in numpy)
and ``TORCH`` (row name → a function of torch and of the inputs and static arguments as torch has them).
"""

import importlib
import pkgutil
from pathlib import Path

import numpy as np

import plugrad
from plugrad.core import device as devices
from plugrad.core import dtypes, engine
from plugrad.core.interop import numpy_dtype
from plugrad.core.rows import ROWS
from plugrad.core.tensor import Tensor, wrap
from plugrad_testing import (
    assert_close,
    assert_like,
    assert_values,
    central_difference_vjp,
    inner,
    moves,
    on,
    random_direction,
    random_like,
    raw,
    scattered,
)

#: Rows without forward mode and a second derivative, since torch has neither.
ONCE = {"ctc_loss_", "dirichlet_", "pdist_", "standard_gamma_"}
#: Rows whose gradient is another one than that of the row alone: ctc_loss takes a log_softmax before it for granted, numbers
#: that are drawn keep their place in the distribution.
SUPPOSING = {"ctc_loss_", "dirichlet_", "standard_gamma_"}
SINGLE = {"float64": "float32", "complex128": "complex64"}


# --- the table ---
def all_rows():
    """Every row, after importing each module of core/ops."""
    for module in pkgutil.walk_packages(plugrad.core.ops.__path__, "plugrad.core.ops."):
        importlib.import_module(module.name)
    return ROWS


def load_tables():
    """(samples, references, torch functions) of all sample files together."""
    tables = {}, {}, {}
    files = ["plugrad_op_samples", *sorted(f.stem for f in Path(__file__).parent.glob("plugrad_samples_*.py"))]
    for name in files:
        module = importlib.import_module(name)
        for table, attribute in zip(tables, ("SAMPLES", "REFERENCES", "TORCH"), strict=True):
            added = getattr(module, attribute, {})
            twice = sorted(set(table) & set(added))
            if twice:
                raise ValueError(f"{name}.{attribute}: other files have these rows already: {', '.join(twice)}")
            table.update(added)
    return tables


def incomplete(rows, samples):
    """What is wrong with the table as a text; None: nothing."""
    missing = sorted(set(rows) - {name for name, listed in samples.items() if listed})
    unknown = sorted(set(samples) - set(rows))
    texts = [f"{len(missing)} row(s) without samples: {', '.join(missing)}"] if missing else []
    texts += [f"samples for what is no row: {', '.join(unknown)}"] if unknown else []
    return "; ".join(texts) or None


# --- running a row ---
class Case:
    """One sample of one row on one device."""

    def __init__(self, row, sample, device=None, seed=0):
        self.row = row
        self.device = device
        self.xp = devices.space(device)
        self.rng = np.random.default_rng(seed)
        inputs, self.statics = sample(self.rng)
        self.inputs = [np.asarray(a) if isinstance(a, np.generic) or type(a) is complex else a for a in inputs]

    def runs_here(self):
        """Whether the backend has the dtypes of the inputs."""
        return all(getattr(self.xp, a.dtype.name, None) is not None for a in self.inputs if isinstance(a, np.ndarray))

    def differentiable(self):
        """For each input: whether a gradient reaches it."""
        rules = self.row.rules or [self.row.vjp] * len(self.inputs)
        return [moves(a) and rule is not None for a, rule in zip(self.inputs, rules, strict=True)]

    def tensors(self, inputs=None, recording=False):
        inputs = self.inputs if inputs is None else inputs
        return [
            on(a, self.device, requires_grad=recording and d)
            for a, d in zip(inputs, self.differentiable(), strict=True)
        ]

    def run(self, tensors):
        """The outputs, as a list."""
        made = self.row.function(*tensors, *raw(self.xp, self.statics))
        return list(made) if isinstance(made, tuple) else [made]

    def smooth(self, made):
        """The outputs that have a gradient."""
        return [t for t, d in zip(made, self.row.differentiable, strict=True) if d and t.dtype.kind >= dtypes.FLOAT]

    def smooth_values(self, inputs):
        return [t._host() for t in self.smooth(self.run(self.tensors(inputs)))]

    def gradients(self, tensors, cotangents, create_graph=False):
        """(the outputs with a gradient, the gradients of the inputs that take one)."""
        made = self.smooth(self.run(tensors))
        wanted = [t for t, d in zip(tensors, self.differentiable(), strict=True) if d]
        found = engine.grad(
            made, wanted, cotangents, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )
        for g, t in zip(found, wanted, strict=True):
            assert_like(g, t)
        return found

    def cotangents(self, inputs=None):
        return [random_like(self.rng, value) for value in self.smooth_values(inputs)]


# --- the checks ---
def check_forward(case, reference):
    """The outputs are the reference's: values, shapes, dtypes, and the device."""
    made = case.run(case.tensors())
    if reference is None:
        for t in made:
            assert_close(t, t._host(), device=case.device)
        return
    expected = reference(*case.inputs, *case.statics)
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert len(made) == len(expected)
    for t, value in zip(made, expected, strict=True):
        assert_close(t, value, rtol=1e-11, atol=1e-12, device=case.device)


def check_first_order(case, rtol=1e-6, atol=1e-7):
    """The gradient agrees with central differences along random directions."""
    cotangents = case.cotangents()
    tensors = case.tensors(recording=True)
    gradients = case.gradients(tensors, [on(u, case.device) for u in cotangents])
    takes = case.differentiable()
    for _ in range(2):
        direction = [v if d else None for v, d in zip(random_direction(case.rng, case.inputs), takes, strict=True)]
        along = inner([g._host() for g in gradients], [v for v in direction if v is not None])
        differences = central_difference_vjp(case.smooth_values, case.inputs, cotangents, direction)
        assert_values(along, differences, rtol, atol)


def check_second_order(case, rtol=1e-6, atol=1e-7):
    """The recorded gradient equals the first-order one, and its own gradient agrees with differences of that one."""
    takes = case.differentiable()
    cotangents = case.cotangents()
    plain = case.gradients(case.tensors(recording=True), [on(u, case.device) for u in cotangents])
    tensors = case.tensors(recording=True)
    incoming = [on(u, case.device, requires_grad=True) for u in cotangents]
    recorded = case.gradients(tensors, incoming, create_graph=True)
    for g, expected in zip(recorded, plain, strict=True):
        assert_close(g, expected, rtol=1e-9, atol=1e-10)
    weights = [random_like(case.rng, g._host()) for g in recorded]
    roots = [(g, w) for g, w in zip(recorded, weights, strict=True) if g.requires_grad]
    sources = [t for t, d in zip(tensors, takes, strict=True) if d] + incoming
    if roots:
        second = engine.grad(
            [g for g, _ in roots],
            sources,
            [on(w, case.device) for _, w in roots],
            allow_unused=True,
            materialize_grads=True,
        )
    else:
        second = [on(np.zeros_like(t._host()), case.device) for t in sources]
    count = len(case.inputs)

    def first_order(arrays):
        given = [on(u, case.device) for u in arrays[count:]]
        inputs = case.tensors(arrays[:count], recording=True)
        return [g._host() for g in case.gradients(inputs, given)]

    point = [*case.inputs, *cotangents]
    moving = [*takes, *(True for _ in cotangents)]
    direction = [v if d else None for v, d in zip(random_direction(case.rng, point), moving, strict=True)]
    along = inner([g._host() for g in second], [v for v in direction if v is not None])
    assert_values(along, central_difference_vjp(first_order, point, weights, direction), rtol, atol)


def check_single_precision(case, keeps_dtype=True):
    """float32 in, float32 out, close to the result in float64; its gradient likewise."""
    exact = [t._host() for t in case.run(case.tensors())]
    narrow = [
        a.astype(SINGLE[a.dtype.name]) if isinstance(a, np.ndarray) and a.dtype.name in SINGLE else a
        for a in case.inputs
    ]
    tensors = case.tensors(narrow, recording=case.row.is_differentiable)
    made = case.run(tensors)
    for t, value in zip(made, exact, strict=True):
        expected = value.astype(SINGLE.get(value.dtype.name, value.dtype)) if keeps_dtype else value
        assert_close(t, expected, rtol=2e-4, atol=2e-5, device=case.device)
    if not case.row.is_differentiable or not any(case.differentiable()):
        return
    cotangents = [random_like(case.rng, t._host()).astype(t._host().dtype) for t in case.smooth(made)]
    wide = [u.astype({v: k for k, v in SINGLE.items()}.get(u.dtype.name, u.dtype)) for u in cotangents]
    found = case.gradients(tensors, [on(u, case.device) for u in cotangents])
    expected = case.gradients(case.tensors(recording=True), [on(u, case.device) for u in wide])
    for g, value in zip(found, expected, strict=True):
        host = value._host()
        assert_close(g, host.astype(SINGLE[host.dtype.name]), rtol=2e-3, atol=2e-4, device=case.device)


def check_half_precision(case, name):
    """float16 or bfloat16 in, the same out, in the gradient too; near the result in float64."""
    exact = [t._host() for t in case.run(case.tensors())]
    kind = numpy_dtype(dtypes.DTYPES[name])
    narrow = [a.astype(kind) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in case.inputs]
    tensors = [on(a, case.device) for a in narrow]
    for t, d in zip(tensors, case.differentiable(), strict=True):
        if d:
            t.requires_grad_()
    made = case.run(tensors)
    for i, (t, value) in enumerate(zip(made, exact, strict=True)):
        # Statistics beside the result may be kept in float32.
        target = kind if i == 0 else numpy_dtype(t.dtype)
        expected = value.astype(target) if value.dtype.kind == "f" else value
        assert_close(t, expected, rtol=0.06, atol=0.06, device=case.device)
    if any(t.requires_grad for t in made):
        smooth = case.smooth(made)
        cotangents = [on(np.ones(t.shape).astype(numpy_dtype(t.dtype)), case.device) for t in smooth]
        case.gradients(tensors, cotangents)


def check_out(case):
    """``out=`` is filled, keeps its memory, and is what the function returns."""
    tensors = case.tensors()
    expected = case.row.function(*tensors)
    out = on(np.zeros(expected.shape, numpy_dtype(expected.dtype)), case.device)
    array = out._a
    assert case.row.function(*tensors, out=out) is out
    assert out._a is array
    assert_close(out, expected)


def check_scattered(case):
    """Inputs whose elements do not lie side by side give the same outputs and gradients."""
    expected = case.run(case.tensors())
    tensors = [
        wrap(Tensor, case.xp, scattered(case.xp, a), None) if isinstance(a, np.ndarray) else a for a in case.inputs
    ]
    for t, value in zip(case.run(tensors), expected, strict=True):
        assert_close(t, value, rtol=1e-12, atol=1e-12)
    if not case.row.is_differentiable or not any(case.differentiable()):
        return
    cotangents = case.cotangents()
    plain = case.gradients(case.tensors(recording=True), [on(u, case.device) for u in cotangents])
    for t, d in zip(tensors, case.differentiable(), strict=True):
        if d:
            t.requires_grad_()
    incoming = [wrap(Tensor, case.xp, scattered(case.xp, u), None) for u in cotangents]
    for g, value in zip(case.gradients(tensors, incoming), plain, strict=True):
        assert_close(g, value, rtol=1e-11, atol=1e-12)


def check_leaves_inputs_alone(case):
    """Neither forward nor backward writes into what they were given."""
    tensors = case.tensors(recording=case.row.is_differentiable)
    made = case.run(tensors)
    if case.row.is_differentiable and any(case.differentiable()):
        cotangents = [random_like(case.rng, t._host()) for t in case.smooth(made)]
        incoming = [on(u, case.device) for u in cotangents]
        case.gradients(tensors, incoming)
        for t, u in zip(incoming, cotangents, strict=True):
            assert_values(t._host(), u, rtol=0)
    for t, a in zip(tensors, case.inputs, strict=True):
        if isinstance(t, Tensor):
            assert_values(t._host(), a, rtol=0)


def check_integers(row, device=None):
    """Integer tensors: an op with results in floats gives the default dtype, one with bools gives bools."""
    inputs = [on(np.array([1, 2, 3]), device) for _ in row.tensors]
    made = row.function(*inputs)
    expected = {"float": dtypes.float32, "bool": dtypes.bool_, "same": dtypes.int64, "real": dtypes.int64}[row.result]
    assert made.dtype is expected, f"{row.name} of int64 gave {made.dtype}, not {expected}"
    assert made._xp is devices.space(device)


def check_promotion(row, device=None):
    """A Python number or a 0-d tensor does not widen a float32 tensor."""
    x = on(np.array([0.25, 0.5], np.float32), device)
    expected = dtypes.bool_ if row.result == "bool" else dtypes.float32
    for other in (0.5, on(np.array(0.5), device)):
        made = row.function(x, other)
        assert made.dtype is expected, f"{row.name} of float32 and {other!r} gave {made.dtype}, not {expected}"


def gradient_checks(row):
    return (check_first_order, check_second_order) if row.is_differentiable else ()
