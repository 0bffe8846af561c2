"""What is given to functions: out= and its memory and dtype, wrong kinds, wrong sizes; and what they make of the rest."""

import warnings

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

LINES = """
# --- out= whose memory overlaps ---
t.exp(x, out=t.zeros(1).as_strided((3,), (0,)))
t.add(x, 1, out=t.zeros(1).expand(3).detach())
t.gather(x, 0, k, out=t.zeros(1).expand(3).detach())
t.cat([x, x], out=t.zeros(1).expand(6).detach())
t.exp(long[:3], out=long[1:4])
t.exp(long[:3], out=long[:3])
t.exp(long[:3], out=long[3:])
t.exp(long[:4].reshape(2, 2), out=long[:4].reshape(2, 2).t())
t.exp(long[::2], out=long[:3])
t.gather(x, 0, k, out=x)
t.gather(k, 0, k, out=k)
t.take(x, k, out=x)
t.index_select(x, 0, k, out=x)
t.masked_select(x, x > 0, out=x)
t.masked_select((b := k < 9), b, out=b)
t.cat([long[:2], long[2:4]], out=long[:4])
t.kthvalue(x, 2, out=(x, t.tensor(0)))
t.take_along_dim(x, k, 0, out=x)
t.cross(x, x + 1, dim=0, out=x)
t.bernoulli(x.abs() / 9, out=t.zeros(1).expand(3).detach())
# --- out= of another dtype ---
t.abs(x, out=t.zeros(3, dtype=t.float64))
t.exp(x, out=t.zeros(3, dtype=t.float64))
t.exp(x, out=t.zeros(3, dtype=t.int64))
t.gather(x, 0, k, out=t.zeros(3, dtype=t.float64))
t.index_select(x, 0, k, out=t.zeros(3, dtype=t.float64))
t.take(x, k, out=t.zeros(3, dtype=t.float64))
t.masked_select(x, x > 0, out=t.zeros(3, dtype=t.float64))
t.amax(square, 0, out=t.zeros(2, dtype=t.int32))
t.aminmax(square, dim=0, out=(t.zeros(2), t.zeros(2, dtype=t.float64)))
t.max(square, 0, out=(t.zeros(2), t.zeros(2)))
t.max(x, out=t.zeros((), dtype=t.float64))
t.kthvalue(x, 1, out=(t.zeros(()), t.zeros(())))
t.kthvalue(x, 1, out=(t.zeros((), dtype=t.float64), t.tensor(0)))
t.mode(square, out=(t.zeros(2), t.zeros(2)))
t.frexp(x, out=(t.zeros(3), t.zeros(3)))
t.searchsorted(x.sort().values, x, out=t.zeros(3))
t.mm(square, square, out=t.zeros(2, 2, dtype=t.float64))
t.mv(square, square[0], out=t.zeros(2, dtype=t.float64))
t.dot(x, x, out=t.zeros((), dtype=t.float64))
t.where(x > 0, x, x, out=t.zeros(3, dtype=t.float64))
t.all(x > 0, out=t.tensor(1.0))
t.cumsum(x, 0, out=t.zeros(3, dtype=t.int64))
t.cat([x, x], out=t.zeros(6, dtype=t.int64))
t.mean(x, out=t.tensor(1))
t.logsumexp(x, 0, out=t.tensor(1))
t.diag(square, out=t.zeros(2, dtype=t.float64))
t.linalg.norm(x, out=t.zeros((), dtype=t.float64))
t.linalg.eig(square, out=(t.zeros(2), t.zeros(2, 2)))
t.linalg.solve_triangular(square, square, upper=True, out=t.zeros(2, 2, dtype=t.float64))
t.fft.ifft2(square, out=t.zeros(2, 2))
t.fft.irfft(x, out=t.zeros(4, dtype=t.int64))
t.multinomial(x.abs(), 2, out=t.zeros(2))
t.tril(square, out=t.zeros(2, 2, dtype=t.float64))
# --- out= says the dtype of what is made ---
t.zeros(3, out=t.ones(3, dtype=t.int64))
t.arange(0, 6, 0.5, out=t.zeros(0, dtype=t.float64))
t.arange(0.5, 6.5, out=t.zeros(0, dtype=t.int64))
t.linspace(0, 3, 5, out=t.zeros(5, dtype=t.int64))
t.full((2,), 3, out=t.zeros(2))
t.eye(2, out=t.zeros(2, 2, dtype=t.int64))
t.arange(3, dtype=t.int64, out=t.zeros(0))
t.tril(square, -1, out=t.zeros(2, 2))
t.triu(square, 1, out=t.zeros(0))
# --- wrong kinds of arguments ---
t.maximum(x, 3)
t.minimum(x, 'a')
t.atan2(x, 3)
t.logical_and(x, 3)
t.logical_xor(k, True)
t.isclose(x, 3)
t.isclose(3, x)
t.isclose(x, x, rtol=-0.4)
t.isclose(x, x, atol=-0.4)
t.allclose(x, 3)
t.equal(3, x)
t.Tensor.__rdiv__(2, x)
t.is_complex(3)
t.is_floating_point('a')
t.is_signed(3)
t.numel(3)
t.is_same_size(x, 3)
t.is_nonzero(x)
x.type_as(1)
x.size('a')
x.size(1.5)
x.size(-1)
x.stride('a')
t.can_cast(t.float32)
t.can_cast()
t.can_cast(1, t.float32)
t.can_cast(t.float32, 1)
t.can_cast(t.float32, to=t.int64)
t.eye(-1)
t.eye(2, -3)
t.eye(2.5)
t.arange(0, float('inf'), 2)
t.arange(0, 5, 0)
t.arange(0, 5, 0.5, dtype=t.int64)
t.arange(5, 1)
t.arange(3, dtype=t.bool)
t.linspace(0, 3, -1)
t.linspace(t.tensor([1, 2]), t.tensor([1, 2]), 1)
t.linspace(1, t.tensor([1, 2]), 5)
t.logspace(t.tensor([1, 2]), 3, 5)
t.narrow(t.tensor(1.0), 0, 0, 1)
t.narrow(x, 0, 0, -1)
t.narrow(x, 0, k, 1)
t.narrow(x, 0, t.tensor(True), 1)
t.narrow(x, 0, t.tensor(1), 2)
t.movedim(square, (0, 1), (1,))
t.movedim(t.tensor(1.0), 0, 0)
t.roll(x, ())
t.roll(t.tensor(1.0), 0, 0)
t.roll(x, (1, 2))
t.roll(x, 1, ())
t.roll(x, 1.5)
t.fliplr(x)
t.flipud(t.tensor(1.0))
t.multinomial(t.ones(1, 2, 3), 2)
t.masked_fill(x, x > 0, 1j)
t.masked_fill(k, k > 0, t.tensor(1j))
t.masked_fill(k, k > 0, 1.5)
t.masked_fill(k > 0, k > 0, t.tensor(2.5))
t.tensor([1j]).abs_()
t.chain_matmul(square, x)
t.chain_matmul(square, out=t.zeros(2, 2))
# --- whole numbers ---
t.arange(1.0, 5.000001, 2.0, dtype=t.int64)
t.arange(1.9, 5.9, 1.5, dtype=t.int64)
t.arange(1.9, 5.9, 1.5, dtype=t.int32)
t.arange(10.9, 0, -3, dtype=t.int64)
t.linspace(4.3, 0, 50, dtype=t.int64)
t.linspace(-3.7, 2.2, 7, dtype=t.int64)
t.linspace(0, 1j, 3)
t.addmv(k, k.outer(k), k, beta=1.2, alpha=2.6)
t.baddbmm(k.reshape(1, 1, 3), k.reshape(1, 1, 3), t.ones(1, 3, 3, dtype=t.int64), beta=0.2, alpha=1.6)
t.addmv(k, k.outer(k), k, beta=1j)
t.addmm(square * float('nan'), square, square, beta=0)
t.addmm(square, square * float('nan'), square, alpha=0)
t.ones(1).addbmm_(t.ones(2, 2, 2), t.ones(2, 2, 2))
# --- repeat_interleave ---
t.repeat_interleave(x, t.tensor([1, 0, 2]))
t.repeat_interleave(square, t.tensor([2, 1]), 1, output_size=3)
t.repeat_interleave(square, t.tensor([2]), dim=0)
t.repeat_interleave(square, t.tensor([2, 1]), 0, output_size=5)
t.repeat_interleave(t.tensor([2, 0, 1]))
t.repeat_interleave(t.tensor([2, 0, 1]), output_size=4)
t.repeat_interleave(repeats=t.tensor([1, 2], dtype=t.int32))
t.repeat_interleave(square, 2, 0, output_size=5)
t.repeat_interleave(square, t.tensor([1, 2, 3]), 0)
t.repeat_interleave(square, t.tensor([1.0, 2.0]), 0)
t.repeat_interleave(square, t.tensor([-1, 2]), 0)
t.repeat_interleave(square, t.tensor([[1, 2]]), 0)
t.repeat_interleave(square, -1)
t.repeat_interleave(t.tensor([[1, 2]]))
square.repeat_interleave(t.tensor([0, 0]), dim=1)
# --- names ---
t.swapdims(square, 0, 1)
square.swapaxes_(0, 1)
x.ger(x)
t.exp_(x)
t.clamp_(x, 0, 1)
t.is_conj(x), t.is_neg(x), t.get_device(x), t.is_nonzero(x[0])
# --- random numbers ---
t.normal(1.6, 0.3, [2, 2], dtype=t.float32, layout=t.strided)
t.normal(t.zeros(3, 1), t.ones(4))
t.normal(x, 1.0, out=t.zeros(3))
t.normal(0.0, x.abs(), out=t.zeros(0))
t.normal(x, x)
"""

#: Functions of random numbers or of steps, whose derivative is 0: the node's name and the gradients.
CONSTANT = """
t.bernoulli(p)
t.bernoulli(p, 0.5)
t.normal(p, q)
t.normal(p, 1.0)
t.normal(0.0, q)
t.div(p, q, rounding_mode='trunc')
t.div(p, 2, rounding_mode='floor')
p.clone().div_(q, rounding_mode='floor')
p.clone().normal_()
p.clone().bernoulli_()
p.clone().uniform_()
p.clone().random_(5)
t.repeat_interleave(p, t.tensor([2, 1])) * t.arange(3.0)
t.addmm(p.reshape(1, 2), q.reshape(1, 2), t.ones(2, 2), beta=0)
"""


def tensors(t):
    t.manual_seed(3)
    return {
        "t": t,
        "x": t.tensor([3.0, -1.5, 2.0]),
        "k": t.tensor([0, 2, 1]),
        "long": t.arange(6.0),
        "square": t.tensor([[1.0, 2.0], [3.0, -4.0]]),
    }


def done(line):
    def program(t):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's tell where in its sources they come from
            return eval(line, tensors(t))

    return program


def constant(line):
    def program(t):
        t.manual_seed(3)
        p = t.tensor([0.25, 0.75], requires_grad=True)
        q = t.tensor([2.0, 0.5], requires_grad=True)
        made = eval(line, {"t": t, "p": p, "q": q})
        grads = t.autograd.grad(made.sum(), (p, q), allow_unused=True, create_graph=True)
        return made.detach(), type(made.grad_fn).__name__, [g is not None and g.detach() + 0 for g in grads]

    return program


def lines(text):
    return [line for line in text.strip().splitlines() if not line.startswith("#")]


PROGRAMS = {line: done(line) for line in lines(LINES)}
PROGRAMS |= {f"constant: {line}": constant(line) for line in lines(CONSTANT)}


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6)
    assert not found, "\n".join(found)


@pytest.mark.device
@pytest.mark.parametrize("output_size", [None, 4])
def test_repeat_interleave_on_every_backend(output_size):
    x, repeats = on(np.arange(6.0).reshape(3, 2), requires_grad=True), on(np.array([1, 0, 3]))
    made = plugrad.repeat_interleave(x, repeats, 0, output_size=output_size)
    assert_close(made.detach(), np.arange(6.0).reshape(3, 2)[[0, 2, 2, 2]])
    made.sum().backward()
    assert_close(x.grad, [[1.0, 1.0], [0.0, 0.0], [3.0, 3.0]])


@pytest.mark.device
def test_what_is_random_or_a_step_has_the_derivative_0_on_every_backend():
    x = on(np.array([0.25, 0.75]), requires_grad=True)
    made = plugrad.div(x, 0.5, rounding_mode="floor") + plugrad.bernoulli(x) + plugrad.normal(x, 1.0)
    (first,) = plugrad.autograd.grad((made * made).sum(), x, create_graph=True)
    assert_close(first.detach(), [0.0, 0.0])


@pytest.mark.device
def test_out_may_be_the_input_on_every_backend():
    x = on(np.array([1.0, 4.0]))
    assert plugrad.sqrt(x, out=x) is x
    assert_close(x, [1.0, 2.0])
    with pytest.raises(RuntimeError, match="some elements of the input tensor and the written-to tensor"):
        plugrad.take(x, on(np.array([1, 0])), out=x)
