"""Rarer functions and methods: what they give, their nodes, and their errors, as in torch."""

import warnings

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

LINES = """
# --- by a Python function ---
x.apply_(lambda v: v + 1)
x.t().apply_(lambda v: v * 10)
x.apply_(3)
g.apply_(lambda v: v)
x.apply_(lambda v: "a")
x.apply_(lambda v: None)
t.arange(3).apply_(lambda v: v + 0.5)
t.tensor([True, False]).apply_(lambda v: not v)
t.ones(2, dtype=t.complex64).apply_(lambda v: v * 2)
t.ones(2, dtype=t.float16).apply_(lambda v: v * 2)
t.ones(0).apply_(lambda v: v)
x.map_(x, lambda a, b: a + b)
x.map_(x[0].clone(), lambda a, b: a + 10 * b)
x.map_(t.ones(2, 2), lambda a, b: a + b)
x.map_(y, lambda a, b: a + b)
g.map_(x, lambda a, b: a + b)
x.map_(g, 3)
x.map_(3, lambda a, b: a)
x.map2_(x, x, lambda a, b, c: a + b + c)
x.map2_(x[0].clone(), x[:1].clone(), lambda a, b, c: a + b + c)
x.map2_(x, y, lambda a, b, c: a + b + c)
x.map2_(y, x, lambda a, b, c: a + b + c)
x.map2_(x, g, lambda a, b, c: a + b + c)
x.map2_(x, x, 3)
# --- diagonals ---
x.fill_diagonal_(9)
t.zeros(5, 2).fill_diagonal_(1, wrap=True)
t.zeros(7, 2).fill_diagonal_(1, wrap=True)
t.zeros(5, 2).fill_diagonal_(1)
t.zeros(2, 5).fill_diagonal_(1, wrap=True)
t.zeros(3, 3, 3).fill_diagonal_(1)
t.zeros(2, 2, 2, 2).fill_diagonal_(1)
t.zeros(3, 2, 3).fill_diagonal_(1)
t.zeros(3).fill_diagonal_(1)
t.zeros(3, 3).fill_diagonal_("a")
t.zeros(3, 3).fill_diagonal_(t.tensor(2.0))
t.zeros(3, 3, dtype=t.int64).fill_diagonal_(2.5)
t.zeros(3, 3).t().fill_diagonal_(1)
(g * 2).fill_diagonal_(1)
g.fill_diagonal_(1)
t.autograd.grad((g * 2).fill_diagonal_(1).sum(), g)
# --- the old constructor ---
x.new()
x.new(2, 3).shape
x.new([1, 2])
x.new(t.Size([2])).shape
x.new((2, 3))
x.new(x)
x.new(g)
x.t().new(x.t())
x.new(y)
x.new(2.5)
x.new("a")
x.new(None)
x.new(device="cpu")
t.arange(3).new([1.5, 2])
t.arange(3).new(2).dtype
# --- where it lies ---
x.is_shared()
x.is_pinned()
x.is_set_to(x)
x.is_set_to(x[:])
x.is_set_to(x.view(3, 2))
x.is_set_to(x.clone())
x.is_set_to(x[:1])
x.is_set_to(3)
x.is_set_to(y)
x.detach().is_set_to(x)
x.to_dense() is x
x.to_dense(dtype=t.float64)
x.to_dense(masked_grad=True)
x.name
t.nn.Parameter(x).name
# --- activations ---
g.hardshrink()
x.hardshrink(2)
x.prelu(t.tensor([0.5]))
(-g).prelu(t.tensor([0.5, 1.0, 2.0]))
# --- pieces ---
t.unsafe_chunk(x, 2, 1)
t.unsafe_chunk(g, 2, 1)
t.unsafe_chunk(g, 0, 1)
t.unsafe_split(g, 2, 1)
t.unsafe_split(g, -1, 1)
t.unsafe_split_with_sizes(g, [1, 2], 1)
t.unsafe_split_with_sizes(g, [1, 1], 1)
t.unsafe_split(g, 5, 0)
t.unsafe_chunk(g, 2, 5)
g.unsafe_split(1)
t.unsafe_chunk(g, 2, 1)[0]._is_view()
t.unsafe_split(g * 2, 1)[0].mul_(3)
t.autograd.grad(t.unsafe_split(g * x, 2, 1)[1].sum(), g)
t.autograd.grad(t.unsafe_split_with_sizes(g * x, [1, 2], 1)[1].sum(), g)
t.unsafe_chunk(3, 2)
# --- nonzero_static ---
t.nonzero_static(x, size=3)
t.nonzero_static(x, size=7)
x.nonzero_static(size=7, fill_value=9)
t.nonzero_static(x, size=-1)
t.nonzero_static(t.tensor(3.0), size=2)
t.nonzero_static(t.ones(0), size=2)
t.nonzero_static(g, size=0)
t.nonzero_static(x, size=3, out=t.empty(3, 2, dtype=t.int64))
# --- embedding_renorm_ ---
t.embedding_renorm_(x, t.tensor([0, 1]), 1.0, 2.0)
t.embedding_renorm_(x, t.tensor([1, 1], dtype=t.int32), 1.0, 1.0)
t.embedding_renorm_(x, t.tensor([[0, 1]]), 1.0, float("inf"))
t.embedding_renorm_(g, t.tensor([0, 1]), 1.0, 2.0)
t.embedding_renorm_(x, t.tensor([0.0, 1]), 1.0, 2.0)
t.embedding_renorm_(t.ones(3), t.tensor([0, 1]), 1.0, 2.0)
# --- norms ---
t.norm_except_dim(g, 2, 0)
t.norm_except_dim(g)
t.norm_except_dim(g, 2, 1)
t.norm_except_dim(g, 1, -1)
t.norm_except_dim(g, 2, -1)
t.norm_except_dim(g, 2, -2)
t.norm_except_dim(t.ones(2, 3, 4, requires_grad=True), 2, 1)
t.norm_except_dim(t.ones(2, 3, 4, requires_grad=True), 3, 2)
t.norm_except_dim(g, 2, 5)
t.norm_except_dim(t.tensor([[1, 2]]), 2, 0)
t.autograd.grad(t.norm_except_dim(g, 2, 1).sum(), g)
t.frobenius_norm(g, [0, 1])
t.frobenius_norm(g, [])
t.frobenius_norm(g, 1)
t.frobenius_norm(g, [0, 1], True)
t.frobenius_norm(t.ones(2, 2, 2), [0, 1, 2])
t.frobenius_norm(t.ones(2, 2, dtype=t.int64), [0, 1])
t.frobenius_norm(x, [0], out=t.empty(3))
t.nuclear_norm(g)
t.nuclear_norm(g, True)
t.nuclear_norm(g, [0, 1])
t.nuclear_norm(t.ones(2, 2, 2), [0, 2], True)
t.nuclear_norm(t.ones(2, 2, 2))
t.nuclear_norm(t.ones(2))
# --- padding and cutting ---
t.constant_pad_nd(g, (1, 2))
t.constant_pad_nd(g, (1, 2), 3)
t.constant_pad_nd(g, (1, 2, 3))
t.constant_pad_nd(g, (1, -2, 3, 1), 2)
t.constant_pad_nd(g, (0, 0))
t.constant_pad_nd(g, (1, 2, 3, 4, 5, 6))
t.constant_pad_nd(g, (-4, 0))
t.constant_pad_nd(g, (-3, 0))
t.constant_pad_nd(3, (1, 1))
g.narrow_copy(1, 0, 2)
t.narrow_copy(x, 1, 0, 5)
t.narrow_copy(x, 5, 0, 1)
t.narrow_copy(x, 1, 0, 2, out=t.empty(2, 2))
t.narrow_copy(3, 1, 0, 2)
t.narrow_copy(x, 1, -1, 1)
t.narrow_copy(x, 0, 0, -1)
t.narrow_copy(t.tensor(1.0), 0, 0, 1)
t.narrow_copy(x, 1, 5, 1)
t.narrow_copy(x, 1, 0, 2)._is_view()
# --- reflections ---
t.geqrf(m)
t.geqrf(m.t())
t.geqrf(c)
m.geqrf()
t.geqrf(t.ones(3))
t.geqrf(t.ones(3, 3, dtype=t.int64))
t.geqrf(t.ones(3, 3, dtype=t.float16))
t.geqrf(t.ones(0, 3))
t.geqrf(t.zeros(3, 2))
t.geqrf(t.stack([m, -m]))
t.geqrf(g)
t.geqrf(g)[0].sum().backward()
t.linalg.householder_product(*t.geqrf(m))
t.linalg.householder_product(*t.geqrf(c))
t.orgqr(*t.geqrf(m))
m.orgqr(t.ones(2, dtype=t.float64))
t.linalg.householder_product(g.t(), t.ones(2))
t.linalg.householder_product(m, t.ones(1, dtype=t.float64))
t.linalg.householder_product(m, t.ones(4, dtype=t.float64))
t.linalg.householder_product(m.t(), t.ones(2, dtype=t.float64))
t.linalg.householder_product(m[0], t.ones(2, dtype=t.float64))
t.linalg.householder_product(m, t.ones(2))
t.linalg.householder_product(m.long(), t.ones(2).long())
t.linalg.householder_product(m, t.ones(2, 2, dtype=t.float64))
t.linalg.householder_product(t.stack([m, m]), t.ones(2, dtype=t.float64))
t.linalg.householder_product(t.stack([m, m]), t.ones(3, 2, dtype=t.float64))
t.linalg.householder_product(m, 1)
t.ormqr(*t.geqrf(m), m)
t.ormqr(*t.geqrf(m), m, transpose=True)
t.ormqr(*t.geqrf(m), m.t(), left=False)
t.ormqr(*t.geqrf(c), c.t(), left=False, transpose=True)
m.ormqr(t.ones(2, dtype=t.float64), m)
t.ormqr(g.t(), t.ones(2), t.ones(3, 1))
t.ormqr(m, t.ones(2, dtype=t.float64), t.ones(4, 2, dtype=t.float64))
t.ormqr(m, t.ones(2, dtype=t.float64), t.ones(3, 2))
t.ormqr(m, t.ones(3, dtype=t.float64), m)
t.ormqr(m[0], t.ones(2, dtype=t.float64), m)
t.ormqr(m, t.ones(2, dtype=t.float64), m[0])
t.ormqr(m, t.ones(2, 2, dtype=t.float64), m)
t.ormqr(t.stack([m, m]), t.ones(2, 2, dtype=t.float64), m)
t.autograd.grad(t.linalg.householder_product(a, b).sum(), (a, b))
t.autograd.grad(t.ormqr(a, b, m, transpose=True)[0].sum(), (a, b))
# --- testing ---
t.testing.make_tensor(3, dtype=t.float32, device="cpu")
t.testing.make_tensor((2, 3), dtype=t.float64, device="cpu")
t.testing.make_tensor(2, 3, dtype=t.int64, device="cpu")
t.testing.make_tensor(5, dtype=t.uint8, device="cpu")
t.testing.make_tensor(5, dtype=t.int8, device="cpu")
t.testing.make_tensor(5, dtype=t.bool, device="cpu")
t.testing.make_tensor(3, dtype=t.complex64, device="cpu")
t.testing.make_tensor(3, dtype=t.float16, device="cpu")
t.testing.make_tensor(3, dtype=t.float32, device="cpu", low=1, high=2)
t.testing.make_tensor(3, dtype=t.float32, device="cpu", low=2, high=2)
t.testing.make_tensor(3, dtype=t.float32, device="cpu", low=3, high=2)
t.testing.make_tensor(3, dtype=t.int64, device="cpu", low=1.5, high=7.5)
t.testing.make_tensor(3, dtype=t.int64, device="cpu", low=1, high=1)
t.testing.make_tensor(3, dtype=t.bool, device="cpu", low=0, high=1)
t.testing.make_tensor(3, dtype=t.float32, device="cpu", low=float("nan"), high=2)
t.testing.make_tensor(3, dtype=t.float32, device="cpu", low=float("-inf"), high=float("inf"))
t.testing.make_tensor(3, dtype=t.int64, device="cpu", low=float("-inf"), high=5)
t.testing.make_tensor(3, dtype=t.float32, device="cpu", low=1e40, high=2e40)
t.testing.make_tensor(3, dtype=t.int8, device="cpu", low=500, high=1000)
t.testing.make_tensor(3, dtype=t.float32, device="cpu", requires_grad=True)
t.testing.make_tensor(3, dtype=t.int64, device="cpu", requires_grad=True)
t.testing.make_tensor(2, 3, dtype=t.float32, device="cpu", noncontiguous=True)
t.testing.make_tensor(2, 3, dtype=t.float32, device="cpu", noncontiguous=True).stride()
t.testing.make_tensor(1, dtype=t.float32, device="cpu", noncontiguous=True)
t.testing.make_tensor((), dtype=t.float32, device="cpu", noncontiguous=True)
t.testing.make_tensor(8, dtype=t.int64, device="cpu", low=0, high=2, exclude_zero=True)
t.testing.make_tensor(3, dtype=t.bool, device="cpu", exclude_zero=True)
t.testing.make_tensor(1, 2, 2, 2, dtype=t.float32, device="cpu", memory_format=t.channels_last).stride()
t.testing.make_tensor(2, dtype=t.float32, device="cpu", memory_format=t.contiguous_format, noncontiguous=True)
t.testing.make_tensor(dtype=t.float32, device="cpu")
t.testing.make_tensor(0, dtype=t.float32, device="cpu")
t.testing.make_tensor(3, dtype="a", device="cpu")
t.testing.assert_allclose(1.0, 1.0)
t.testing.assert_allclose(t.tensor(1.0), t.tensor(1.1))
t.testing.assert_allclose([1.0], t.tensor([1.0 + 5e-5]))
t.testing.assert_allclose([1.0], t.tensor([1.0]), rtol=1e-5)
t.testing.assert_allclose([1.0], t.tensor([1.0]), rtol=1e-5, atol=0)
t.testing.assert_allclose(x[0], x[0].double())
t.testing.assert_allclose(t.tensor([1.0, float("nan")]), t.tensor([1.0, float("nan")]))
t.testing.assert_allclose(t.tensor([1.0]), t.tensor([2.0]), msg="boo")
t.testing.assert_allclose(t.tensor([1.0]), t.tensor([2.0], dtype=t.float64))
"""


def variables(t):
    m = t.tensor([[1.0, 2.0], [-3.0, 0.5], [2.0, 1.0]], dtype=t.float64)
    return {
        "t": t,
        "x": t.arange(6.0).reshape(2, 3),
        "y": t.ones(2, 3, dtype=t.float64),
        "g": t.ones(2, 3, requires_grad=True),
        "m": m,
        "c": t.complex(m, m.flip(0)),
        "a": m.clone().requires_grad_(),
        "b": t.tensor([0.5, 1.5], dtype=t.float64, requires_grad=True),
    }


def told(value):
    """Tensors with the names of their nodes."""
    if isinstance(value, tuple):
        return [told(v) for v in value]
    if not hasattr(value, "grad_fn"):
        return value
    return [value.detach(), None if value.grad_fn is None else value.grad_fn.name()]


def done(line):
    def program(t):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch tells of each once, and where in its sources
            t.manual_seed(0)
            return told(eval(line, variables(t)))

    return program


PROGRAMS = {line: done(line) for line in LINES.strip().splitlines() if not line.startswith("#")}


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-6, absolute=1e-12)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-12)
    assert not found, "\n".join(found)


@pytest.mark.device
@pytest.mark.parametrize("imaginary", [0, 1j])
@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (3, 4), (2, 3, 2), (3, 0)])
def test_reflections_make_the_matrix_again_on_every_backend(shape, imaginary):
    rng = np.random.default_rng(2)
    a = rng.standard_normal(shape) + imaginary * rng.standard_normal(shape)
    found = plugrad.geqrf(on(a))
    k = min(shape[-2:])
    q = plugrad.linalg.householder_product(found.a[..., :k], found.tau)
    assert_close(q @ found.a[..., :k, :].triu(), a, 1e-9, 1e-9)
    assert_close(q.mH @ q, np.broadcast_to(np.eye(k, dtype=a.dtype), (*shape[:-2], k, k)), 1e-9, 1e-9)
    assert_close(plugrad.ormqr(found.a, found.tau, on(a), transpose=True), found.a.triu()._host(), 1e-9, 1e-9)


@pytest.mark.device
def test_pieces_may_be_written_to_on_every_backend():
    x = on(np.arange(4.0), requires_grad=True)
    first, second = plugrad.unsafe_split(x * 1.0, 2)
    first.mul_(second)
    first.sum().backward()
    assert_close(x.grad, [2.0, 3.0, 0.0, 1.0])


@pytest.mark.device
def test_diagonals_on_every_backend():
    x = on(np.zeros((5, 2)), requires_grad=True)
    made = (x + 1.0).fill_diagonal_(7.0, wrap=True)
    made.sum().backward()
    assert_close(made.detach(), [[7.0, 1.0], [1.0, 7.0], [1.0, 1.0], [7.0, 1.0], [1.0, 7.0]])
    assert_close(x.grad, [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])


@pytest.mark.cpu
def test_what_is_there_for_old_programs_says_so():
    x = plugrad.ones(2, 2)
    with pytest.warns(FutureWarning, match=r"`torch.testing.assert_allclose\(\)` is deprecated since 1.12"):
        plugrad.testing.assert_allclose(x, x)
    with pytest.warns(
        UserWarning, match=r"at::frobenius_norm is deprecated .* use `linalg.vector_norm\(A, 2., dim, keepdim\)`"
    ):
        plugrad.frobenius_norm(x, [0, 1])
    with pytest.warns(
        UserWarning, match=r"at::nuclear_norm is deprecated .* use `linalg.matrix_norm\(A, 'nuc', dim, keepdim\)`"
    ):
        plugrad.nuclear_norm(x)


@pytest.mark.cpu
@pytest.mark.parametrize("count", [0, 1])
def test_there_is_no_pinned_memory(count, monkeypatch):
    class Space:
        device_count = staticmethod(lambda: count)

    monkeypatch.setattr(plugrad.core.ops.conversion, "space", lambda kind: Space)
    words = "Cannot access accelerator device when none" if not count else "pin_memory: the array libraries"
    with pytest.raises(NotImplementedError if count else RuntimeError, match=words):
        plugrad.ones(2).pin_memory()


@pytest.mark.cpu
def test_memory_of_the_host_is_not_shared():
    with pytest.raises(NotImplementedError, match="share_memory_: arrays on the host"):
        plugrad.ones(2).share_memory_()
