"""Every op, by one table: every row on the backend under test, against references, differences and torch."""

import numpy as np
import pytest

import plugrad_op_checks as checks
import plugrad_op_samples
from plugrad_testing import moves, random_like, widened

ROWS = checks.all_rows()
SAMPLES, REFERENCES, TORCH = checks.load_tables()

_wrong = checks.incomplete(ROWS, SAMPLES)
if _wrong:
    raise RuntimeError(f"the op table is incomplete: {_wrong}")

ALL = [(name, i) for name in sorted(ROWS) for i in range(len(SAMPLES[name]))]
SMOOTH = [(name, i) for name, i in ALL if ROWS[name].is_differentiable]
PUBLIC = [
    row for _, row in sorted(ROWS.items()) if row.kind in ("elementwise", "nondifferentiable") and not row.statics
]
#: Rows whose samples are whole numbers or bools, or which refuse anything else.
NOT_FOR_INTEGERS = {
    "silu", "gelu", "gelu_tanh", "log_sigmoid", "lerp", "selu", "selu_in_place", "mish", "hardsigmoid", "hardswish", "prelu_kernel",
    "frac", "hypot", "igamma", "igammac", "logaddexp", "logaddexp2", "nextafter",
}  # fmt: skip
NOT_FOR_FLOATS = {"bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"}
NOT_FOR_HALF = {
    "ctc_loss_",
    "ctc_loss_grad",
    "fft_c2r_",
    "fft_r2c_",
    "cast_",
    "converted_",
    "real",
    "imag",
    "view_as_real_",
    "real_pairs",
    "view_as_complex_",
    "complex_of_pairs",
    "complex_",
    "polar_",
}
#: A view of scattered elements in another shape does not exist.
NEEDS_NEIGHBOURS = {"view_"}

pytestmark = [pytest.mark.device, pytest.mark.rows]


def case_of(name, i):
    case = checks.Case(ROWS[name], SAMPLES[name][i], seed=i)
    if not case.runs_here():
        pytest.skip(f"backend {case.xp.name} has no dtype for this sample")
    return case


def smooth_case(name, i):
    case = case_of(name, i)
    if not any(case.differentiable()):
        pytest.skip("no input of this sample takes a gradient")
    return case


@pytest.mark.parametrize(("name", "i"), ALL)
def test_forward(name, i):
    checks.check_forward(case_of(name, i), REFERENCES.get(name))


@pytest.mark.parametrize(("name", "i"), [(name, i) for name, i in SMOOTH if name not in checks.SUPPOSING])
def test_gradient(name, i):
    checks.check_first_order(smooth_case(name, i))


@pytest.mark.parametrize(("name", "i"), [(name, i) for name, i in SMOOTH if name not in checks.ONCE])
def test_gradient_of_gradient(name, i):
    checks.check_second_order(smooth_case(name, i))


@pytest.mark.parametrize(("name", "i"), ALL)
def test_single_precision(name, i):
    checks.check_single_precision(case_of(name, i), keeps_dtype=name not in ("cast_", "converted_"))


@pytest.mark.parametrize(("name", "i"), [(name, i) for name, i in ALL if name not in NEEDS_NEIGHBOURS])
def test_scattered_in_memory(name, i):
    checks.check_scattered(case_of(name, i))


@pytest.mark.parametrize(("name", "i"), ALL)
def test_leaves_inputs_alone(name, i):
    checks.check_leaves_inputs_alone(case_of(name, i))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", [name for name in sorted(ROWS) if name not in NOT_FOR_HALF])
def test_half_precision(name, dtype):
    case = case_of(name, 0)
    if getattr(case.xp, dtype) is None:
        pytest.skip(f"backend {case.xp.name} has no {dtype}")
    checks.check_half_precision(case, dtype)


@pytest.mark.parametrize("name", [name for name in sorted(ROWS) if ROWS[name].has_out])
def test_out(name):
    checks.check_out(case_of(name, 0))


@pytest.mark.parametrize("row", [r for r in PUBLIC if r.name not in NOT_FOR_INTEGERS], ids=lambda r: r.name)
def test_integers(row):
    checks.check_integers(row)


@pytest.mark.parametrize("row", [r for r in PUBLIC if r.scalars and r.name not in NOT_FOR_FLOATS], ids=lambda r: r.name)
def test_promotion(row):
    checks.check_promotion(row)


def test_every_row_of_core_has_a_reference():
    assert sorted(set(plugrad_op_samples.SAMPLES) - set(REFERENCES)) == []


# --- torch as the oracle ---
TOLERANCE = {"float64": (1e-9, 1e-10), "float32": (1e-4, 1e-5)}
SAME_IN_TORCH = [(name, i) for name, i in ALL if name in TORCH]


@pytest.mark.oracle
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("name", "i"), SAME_IN_TORCH)
def test_same_as_torch(name, i, precision):
    torch = pytest.importorskip("torch")
    case = case_of(name, i)
    if precision == "float32":
        case.inputs = [narrowed(a) for a in case.inputs]
    takes = [ours and d for ours, d in zip(case.differentiable(), map(moves, case.inputs), strict=True)]
    tensors = case.tensors(recording=True)
    made = case.run(tensors)
    inputs = [
        to_torch(torch, a).requires_grad_(d) if d else to_torch(torch, a)
        for a, d in zip(case.inputs, takes, strict=True)
    ]
    expected = TORCH[name](torch, *inputs, *(to_torch(torch, s) for s in case.statics))
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert len(made) == len(expected)
    for t, e in zip(made, expected, strict=True):
        compare(t, e, precision)
    if not any(takes):
        return
    smooth = [(t, e) for t, e in zip(made, expected, strict=True) if e.requires_grad]
    assert [t.requires_grad for t, _ in smooth] == [True] * len(smooth)
    cotangents = [random_like(case.rng, t._host()).astype(t._host().dtype) for t, _ in smooth]
    found = case.gradients(case.tensors(recording=True), [checks.on(u) for u in cotangents])
    wanted = torch.autograd.grad(
        [e for _, e in smooth],
        [t for t, d in zip(inputs, takes, strict=True) if d],
        [to_torch(torch, u) for u in cotangents],
        allow_unused=True,
        materialize_grads=True,
    )
    for g, e in zip(found, wanted, strict=True):
        compare(g, e, precision)


def narrowed(a):
    narrow = checks.SINGLE.get(getattr(getattr(a, "dtype", None), "name", None))
    return a.astype(narrow) if narrow else a


def to_torch(torch, value):
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value))
    if isinstance(value, (tuple, list)):
        return type(value)(to_torch(torch, v) for v in value)
    return value


def compare(ours, theirs, precision):
    theirs = theirs.detach()
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    rtol, atol = TOLERANCE[precision]
    np.testing.assert_allclose(widened(ours._host()), theirs.resolve_conj().numpy(), rtol=rtol, atol=atol)
