"""Linear algebra against torch: values, dtypes, shapes, names of nodes, printed results, errors, gradients of two orders."""

import math

import numpy as np
import pytest

import plugrad

torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(5)
INF = math.inf
NAN = math.nan


def draw(*shape, complex=False):
    made = RNG.uniform(-1, 1, shape)
    return made + 1j * RNG.uniform(-1, 1, shape) if complex else made


def square(*shape, complex=False):
    return draw(*shape, complex=complex) + 2 * np.eye(shape[-1])


def positive(*shape, complex=False):
    a = draw(*shape, complex=complex)
    return a @ a.conj().swapaxes(-1, -2) + np.eye(shape[-1])


VALUES = {
    "A": square(3, 3), "A2": square(2, 3, 3), "Ac": square(2, 3, 3, complex=True), "A1": square(1, 1), "A0": np.zeros((0, 0)),
    "Ab0": np.zeros((0, 2, 2)), "P": positive(3, 3), "P2": positive(2, 3, 3), "Pc": positive(2, 3, 3, complex=True),
    "T": draw(4, 2), "W": draw(2, 4), "Tc": draw(2, 4, 3, complex=True), "Wc": draw(3, 4, complex=True), "E": np.zeros((0, 3)),
    "E2": np.zeros((3, 0)), "Et": np.zeros((2, 0, 3)), "v": draw(3), "v2": draw(2, 3), "B": draw(3, 2), "B2": draw(2, 3, 2),
    "Bc": draw(2, 3, 2, complex=True), "C": draw(2, 3), "Cc": draw(2, 2, 3, complex=True), "four": draw(4), "F": draw(4, 3),
    "S": np.array([[1.0, 2.0], [2.0, 4.0]]), "S2": np.stack([np.eye(2), np.array([[1.0, 2.0], [2.0, 4.0]])]),
    "Z": np.zeros((2, 2)), "N": -np.eye(2), "N2": np.stack([np.eye(2), -np.eye(2)]), "D": np.diag([2.0, -1.0]),
    "f32": square(3, 3).astype(np.float32), "c64": square(2, 2, complex=True).astype(np.complex64), "x32": draw(3).astype(np.float32),
    "i": np.array([[1, 2], [3, 4]]), "iv": np.array([1, 2, 3]), "bv": np.array([True, False]), "h": np.eye(2).astype(np.float16),
    "zero": np.array(2.0), "nan": np.full((2, 2), NAN), "X6": square(6, 6).reshape(2, 3, 6), "X24": square(6, 6).reshape(6, 3, 2),
    "Y": draw(2, 3), "L46": draw(4, 6), "rank1": np.ones((3, 3)), "U3": draw(2, 3), "V3": draw(2, 3, complex=True),
}  # fmt: skip
L = "linalg."
#: (function, arguments: names of values, or other things; keywords)
SAME = [
    *((L + "det", (a,), {}) for a in "A A2 Ac A0 Ab0 S S2 Z f32 c64".split()),
    *((n, (a,), {}) for n in ("det", "logdet", "inverse", "matrix_exp") for a in ("A", "A2", "Ac", "A0", "D")),
    ("logdet", ("Z",), {}),
    *((n, (a,), {}) for n in ("slogdet", L + "slogdet") for a in ("A", "A2", "Ac", "A0", "Ab0", "Z", "f32")),
    *((L + "inv", (a,), {}) for a in "A A2 Ac A1 A0 Ab0 f32 c64".split()),
    *((L + "inv_ex", (a,), {}) for a in "A A2 Ac A0".split()),
    *((L + "cholesky", (a,), {"upper": u}) for a in "P P2 Pc A0 Ab0".split() for u in (False, True)),
    *((L + "cholesky_ex", (a,), {}) for a in "P P2 Pc".split()),
    *(("cholesky", (a, u), {}) for a in "P Pc".split() for u in (False, True)),
    *(("cholesky_inverse", (a, u), {}) for a in "P P2 Pc A0".split() for u in (False, True)),
    *(("cholesky_solve", a, {"upper": u}) for a in (("B", "P"), ("B2", "P"), ("Bc", "Pc"), ("E", "A0")) for u in (False, True)),
    *((L + "solve", a, {}) for a in (("A", "B"), ("A2", "B"), ("A", "B2"), ("Ac", "Bc"), ("A", "v"), ("A2", "v2"), ("A2", "v"), ("A0", "E"))),
    *((L + "solve", a, {"left": False}) for a in (("A", "C"), ("Ac", "Cc"), ("A2", "C"))),
    (L + "solve_ex", ("A", "v"), {}), (L + "solve_ex", ("A2", "B2"), {}), (L + "solve_ex", ("A", "B2"), {}),
    *((L + "solve_triangular", ("A", "B2"), {"upper": u, "unitriangular": n}) for u in (False, True) for n in (False, True)),
    *((L + "solve_triangular", ("Ac", "Cc"), {"upper": u, "left": False}) for u in (False, True)),
    *((L + n, (a,), {}) for n in ("lu_factor", "lu_factor_ex", "lu") for a in "A A2 Ac T W Tc Wc E E2 Et".split()),
    (L + "lu", ("S",), {}), (L + "lu_factor_ex", ("Z",), {}),
    *((L + "qr", (a,), {"mode": m}) for a in "A A2 T Tc E E2".split() for m in ("reduced", "complete")),
    (L + "qr", ("W",), {}), (L + "qr", ("Wc",), {"mode": "complete"}), (L + "qr", ("v2",), {"mode": "r"}), ("qr", ("T",), {}),
    ("qr", ("T",), {"some": False}),
    *((L + n, (a,), {}) for n in ("svdvals", "matrix_rank", "pinv") for a in "A A2 Ac T W Tc Wc S rank1 Et f32 c64".split()),
    *((L + "cond", (a,), {}) for a in "A A2 Ac T W Tc Wc Et f32 c64".split()),
    *((L + "matrix_rank", (a,), k) for a in ("A", "P2", "Et") for k in ({"tol": 0.5}, {"atol": 0.1}, {"rtol": 0.9}, {"atol": 1.0, "rtol": 0.5})),
    (L + "matrix_rank", ("P2",), {"hermitian": True}), (L + "matrix_rank", ("E",), {}),
    (L + "pinv", ("E",), {}), (L + "pinv", ("P2",), {"hermitian": True}), (L + "pinv", ("T", 0.5), {}), (L + "pinv", ("T",), {"atol": 0.5}),
    (L + "pinv", ("T",), {"rtol": "zero"}), (L + "pinv", ("Pc",), {"hermitian": True}),
    ("pinverse", ("T",), {}), ("pinverse", ("T",), {"rcond": 0.9}),
    *((L + "cond", (a, p), {}) for a in ("A", "Ac", "Ab0") for p in (2, -2, "fro", "nuc", 1, -1, INF, -INF)),
    *((L + "cond", ("S2", p), {}) for p in (-2, "fro", 1, INF)),
    *((L + "matrix_norm", (a, p), {"keepdim": k}) for a in ("A2", "Tc", "E") for p in (2, -2, "nuc", "fro") for k in (False, True)),
    (L + "matrix_norm", ("A2", 2), {"dim": (0, 1)}), (L + "matrix_norm", ("Tc", "nuc"), {"dim": (2, 0), "keepdim": True}),
    (L + "norm", ("A", 2), {}), (L + "norm", ("A", "nuc"), {}), (L + "norm", ("A2", -2), {"dim": (0, 2)}),
    *((L + "eigvalsh", (a,), k) for a in "P P2 Pc A0".split() for k in ({}, {"UPLO": "U"})),
    (L + "eigvals", ("A0",), {}), (L + "eig", ("A0",), {}), (L + "eigh", ("A0",), {}), (L + "svd", ("E",), {}),
    (L + "svd", ("E",), {"full_matrices": False}), ("svd", ("T",), {"compute_uv": False}),
    *((L + "matrix_power", (a, n), {}) for a in ("A", "Ac", "A0") for n in (0, 1, 2, 3, 5, -1, -3)),
    ("matrix_power", ("A", 3), {}), (L + "matrix_exp", ("A2",), {}), (L + "matrix_exp", ("f32",), {}), (L + "matrix_exp", ("Ab0",), {}),
    *((L + "lu_solve", ("LU", "pivots", b), k) for b, k in (("B", {}), ("B2", {}), ("C", {"left": False}), ("B", {"adjoint": True}))),
    (L + "lu_solve", ("LU", "pivots", "C"), {"left": False, "adjoint": True}), (L + "lu_solve", ("LUc", "pivotsc", "Bc"), {"adjoint": True}),
    (L + "lu_solve", ("LUc", "pivotsc", "Bc"), {}), (L + "lu_solve", ("LUc", "pivotsc", "Cc"), {"left": False}),
    *((L + "lstsq", a, {"driver": d}) for a in (("F", "four"), ("F", "L46"), ("T", "T"), ("Tc", "Tc")) for d in (None, "gels", "gelsd", "gelss")),
    (L + "lstsq", ("W", "U3"), {}), (L + "lstsq", ("W", "U3"), {"driver": "gelsd"}), (L + "lstsq", ("A2", "v2"), {}), (L + "lstsq", ("E2", "B"), {}),
    (L + "tensorinv", ("X6",), {}), (L + "tensorinv", ("X24", 1), {}), (L + "tensorsolve", ("X6", "Y"), {}),
    (L + "tensorsolve", ("X24", "Y"), {"dims": (0,)}),
    (L + "vander", ("v",), {}), (L + "vander", ("v2",), {"N": 5}), (L + "vander", ("iv",), {"N": 4}), (L + "vander", ("V3",), {}),
    (L + "cross", ("v", "x32"), {}), (L + "cross", ("v", "v"), {}), (L + "cross", ("U3", "v2"), {}), (L + "cross", ("V3", "V3"), {"dim": 1}),
    (L + "cross", ("B", "B"), {"dim": 0}), (L + "vecdot", ("v2", "U3"), {}), (L + "vecdot", ("V3", "V3"), {"dim": 0}),
    (L + "multi_dot", (["C", "B", "C", "v"],), {}), (L + "multi_dot", (["v", "B"],), {}),
    *(("Tensor." + n, ("P",), {}) for n in "cholesky cholesky_inverse det inverse logdet matrix_exp pinverse qr slogdet".split()),
    ("Tensor.matrix_power", ("A", 2), {}), ("Tensor.cholesky_solve", ("B", "P"), {}),
]  # fmt: skip
REFUSED = [
    *((L + n, (a,), {}) for n in ("inv", "det", "slogdet", "cholesky", "eigh", "eig", "eigvals", "eigvalsh", "matrix_exp", "inv_ex", "cholesky_ex")
      for a in ("T", "v", "i")),
    *((L + n, (a,), {}) for n in ("svd", "svdvals", "qr", "lu", "lu_factor", "lu_factor_ex", "matrix_rank", "pinv", "cond", "matrix_norm")
      for a in ("v", "i")),
    *((n, (a,), {}) for n in ("logdet", "inverse", "cholesky", "cholesky_inverse", "slogdet", "det") for a in ("T", "v", "i")),
    ("pinverse", ("v",), {}), ("pinverse", ("i",), {}),
    *((L + n, (a,), {}) for n in ("svd", "qr", "lu", "lu_factor", "cholesky", "inv", "det", "eigh") for a in ("h",)),
    *((L + "inv", (a,), {}) for a in ("S", "S2", "Z")), (L + "inv_ex", ("S",), {"check_errors": True}),
    *((L + n, (a,), {}) for n in ("cholesky",) for a in ("N", "N2", "D")), ("cholesky", ("N2",), {}),
    (L + "cholesky_ex", ("N",), {"check_errors": True}), (L + "solve", ("S", "S"), {}), (L + "solve", ("S2", "S"), {}),
    (L + "solve_ex", ("S", "S"), {"check_errors": True}), (L + "lu_factor", ("S",), {}), (L + "lu_factor", ("S2",), {}),
    (L + "lu_factor_ex", ("S",), {"check_errors": True}), (L + "lu", ("A",), {"pivot": False}), (L + "lu_factor", ("A",), {"pivot": False}),
    (L + "solve", ("A", "T"), {}), (L + "solve", ("A", "four"), {}), (L + "solve", ("A", "x32"), {}), (L + "solve", ("A", "B"), {"left": False}),
    (L + "solve", ("T", "B"), {}), (L + "solve", ("v", "v"), {}), (L + "solve", ("A", "zero"), {}), (L + "solve", ("i", "i"), {}),
    (L + "solve", ("A2", "v2"), {"left": False}),
    (L + "solve_triangular", ("A", "v"), {"upper": True}), (L + "solve_triangular", ("A", "T"), {"upper": True}),
    (L + "solve_triangular", ("T", "T"), {"upper": True}),
    ("cholesky_solve", ("T", "A"), {}), ("cholesky_solve", ("v", "A"), {}), ("cholesky_solve", ("A", "v"), {}), ("cholesky_solve", ("f32", "A"), {}),
    ("cholesky_solve", ("T", "T"), {}),
    (L + "eigh", ("A", "X"), {}), (L + "qr", ("A", "full"), {}), (L + "svd", ("A",), {"driver": "gesvd"}), ("svd", ("v",), {}),
    (L + "svd", ("nan",), {}), (L + "eig", ("nan",), {}), (L + "cond", ("A", 3), {}), (L + "cond", ("A", "x"), {}), (L + "cond", ("T", 1), {}),
    (L + "matrix_norm", ("A", 3), {}), (L + "cross", ("four", "four"), {}), (L + "cross", ("v", "v2"), {}), (L + "cross", ("v", "x32"), {}),
    (L + "vander", ("v",), {"N": 1}), (L + "vander", ("zero",), {}), (L + "vander", ("bv",), {}), (L + "tensorinv", ("L46", 1), {}),
    (L + "tensorinv", ("A", 0), {}), (L + "tensorsolve", ("X6", "v"), {}), (L + "matrix_power", ("T", 2), {}), (L + "matrix_power", ("S", -1), {}),
    (L + "matrix_power", ("A", 2.0), {}), (L + "pinv", ("T",), {"hermitian": True}), (L + "lstsq", ("A", "T"), {}),
    (L + "lstsq", ("A", "A"), {"driver": "x"}), (L + "lstsq", ("v", "v"), {}), (L + "lstsq", ("A", "zero"), {}), (L + "lstsq", ("A", "A2"), {}),
    (L + "lstsq", ("A", "f32"), {}), (L + "lu_solve", ("A", "v", "A"), {}), (L + "lu_solve", ("LU", "pivots", "T"), {}),
    (L + "multi_dot", (["A"],), {}), (L + "multi_dot", (["A", "T"],), {}), (L + "vecdot", ("v", "x32"), {}),
    (L + "inv", (1,), {}), (L + "svd", (1,), {}), ("svd", (1,), {}), ("qr", (1,), {}), (L + "solve", (1, "A"), {}), (L + "cross", (1, "v"), {}),
    (L + "cond", (1,), {}), (L + "lu", (1,), {}), (L + "vander", (1,), {}), (L + "det", (1,), {}),
]  # fmt: skip


def found(t, name):
    for part in name.split("."):
        t = getattr(t, part)
    return t


def tensors(t, recording=False):
    made = {}
    for name, value in VALUES.items():
        x = torch.tensor(value) if t is torch else plugrad.from_numpy(np.array(value))
        made[name] = x.requires_grad_(recording and value.dtype.kind in "fc")
    for suffix, matrix in (("", "A"), ("c", "Ac")):
        both, pivots = torch.linalg.lu_factor(torch.tensor(VALUES[matrix]))
        both, pivots = (
            (both, pivots) if t is torch else (plugrad.from_numpy(both.numpy()), plugrad.from_numpy(pivots.numpy()))
        )
        made["LU" + suffix], made["pivots" + suffix] = both.requires_grad_(recording), pivots
    return made


def spelled(given, argument):
    if isinstance(argument, str) and argument in given:
        return given[argument]
    return [spelled(given, part) for part in argument] if isinstance(argument, list) else argument


def call(t, name, arguments, keywords, given):
    keywords = {k: spelled(given, v) if v == "zero" else v for k, v in keywords.items()}
    made = found(t, name)(*(spelled(given, a) for a in arguments), **keywords)
    return made


def parts(made):
    return list(made) if isinstance(made, tuple) else [made]


def host(x):
    return x.detach().resolve_conj().numpy() if isinstance(x, torch.Tensor) else x.detach()._host()


def same(ours, theirs, rtol=1e-9, atol=1e-10):
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    if ours.dtype in (plugrad.float32, plugrad.complex64):
        rtol, atol = 1e-4, 1e-5
    np.testing.assert_allclose(host(ours), host(theirs), rtol=rtol, atol=atol)


def label(case):
    name, arguments, keywords = case
    return f"{name}({', '.join(map(str, arguments))}{''.join(f', {k}={v}' for k, v in keywords.items())})"


def refusal(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__, str(error).split("\n")[0]
    return None


@pytest.mark.parametrize("case", SAME, ids=label)
def test_values(case):
    theirs = refusal(lambda: call(torch, *case, tensors(torch)))
    if theirs is not None:
        assert refusal(lambda: call(plugrad, *case, tensors(plugrad))) == theirs
        return
    ours, theirs = (call(t, *case, tensors(t)) for t in (plugrad, torch))
    for a, b in zip(parts(ours), parts(theirs), strict=True):
        same(a, b)
    if isinstance(theirs, tuple):
        assert repr(ours).split("(")[0] == repr(theirs).split("(")[0]
        fields = [f for f in dir(theirs) if f in vars(type(theirs)) and isinstance(getattr(theirs, f), torch.Tensor)]
        for field in fields:
            same(getattr(ours, field), getattr(theirs, field))


@pytest.mark.parametrize("case", REFUSED, ids=label)
def test_refusals(case):
    theirs = refusal(lambda: call(torch, *case, tensors(torch)))
    assert theirs is not None
    assert refusal(lambda: call(plugrad, *case, tensors(plugrad))) == theirs


#: Batches: torch folds them into one product, and names the view that unfolds it.
FOLDED = {"linalg.matrix_power"}
#: Where torch writes into what its own backward needs.
TORCH_FAILS = "has been modified by an inplace operation"


def loss(made, weights):
    total = 0
    for x, w in zip(made, weights, strict=True):
        if x.requires_grad:
            w = torch.tensor(w) if isinstance(x, torch.Tensor) else plugrad.from_numpy(np.array(w))
            product = (x * w.to(x.dtype)).sum()
            total = total + (product.real if x.is_complex() else product)
    return total


def slopes(t, case, weights):
    """(names of the nodes, gradients of two orders by every value that has one)."""
    given = tensors(t, recording=True)
    made = parts(call(t, *case, given))
    names = [m.grad_fn.name() if m.grad_fn is not None else None for m in made]
    sources = [x for k, x in given.items() if x.requires_grad]
    options = {"allow_unused": True, "materialize_grads": True}
    first = t.autograd.grad(loss(made, weights), sources, create_graph=True, **options)
    squares = sum((g.abs() ** 2).sum() for g in first if g.numel())
    second = t.autograd.grad(squares, sources, **options) if getattr(squares, "requires_grad", False) else []
    return names, first, second


def is_smooth(case):
    given = tensors(torch, recording=True)
    try:
        return any(m.requires_grad for m in parts(call(torch, *case, given)))
    except Exception:
        return False


#: Not unique, or singular, where torch and we may give different values.
AT_EDGES = ("Z", "S", "S2", "rank1")
SMOOTH = [c for c in SAME if not set(map(str, c[1])) & set(AT_EDGES) and c[2].get("mode") != "r" and is_smooth(c)]


@pytest.mark.parametrize("case", SMOOTH, ids=label)
def test_gradients(case):
    made = parts(call(torch, *case, tensors(torch)))
    weights = [RNG.uniform(-1, 1, tuple(m.shape)) for m in made]
    theirs = refusal(lambda: slopes(torch, case, weights))
    if theirs is not None and TORCH_FAILS not in theirs[1]:
        assert refusal(lambda: slopes(plugrad, case, weights)) == theirs
    if theirs is not None:
        return
    (names, first, second), (their_names, their_first, their_second) = (
        slopes(t, case, weights) for t in (plugrad, torch)
    )
    if case[0] not in FOLDED or VALUES[case[1][0]].ndim < 3:
        assert names == their_names
    for a, b in zip(first, their_first, strict=True):
        same(a, b, 1e-7, 1e-8)
    for a, b in zip(second, their_second, strict=False):
        same(a, b, 1e-6, 1e-6)


WITH_OUT = {
    "linalg.inv": ("A",), "linalg.det": ("A",), "linalg.cholesky": ("P",), "cholesky": ("P",), "linalg.solve": ("A", "B"),
    "linalg.svdvals": ("A",), "linalg.eigvalsh": ("P",), "linalg.eigvals": ("A",), "linalg.pinv": ("A",), "linalg.matrix_rank": ("A",),
    "linalg.cond": ("A",), "linalg.tensorinv": ("A", 1), "cholesky_solve": ("B", "P"), "cholesky_inverse": ("P",), "inverse": ("A",),
    "linalg.cross": ("v", "v"), "linalg.matrix_norm": ("A", 2), "linalg.vecdot": ("v", "v"),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["int64", "float32", "complex128"])
@pytest.mark.parametrize("name", WITH_OUT)
def test_dtype_of_out(name, dtype):
    def run(t):
        out = t.empty(0, dtype=getattr(t, dtype))
        assert call(t, name, WITH_OUT[name], {"out": out}, tensors(t)) is out
        return out

    theirs = refusal(lambda: run(torch))
    assert refusal(lambda: run(plugrad)) == theirs
    if theirs is None and name != "linalg.eigvals":
        same(run(plugrad), run(torch), 1e-5, 1e-5)
