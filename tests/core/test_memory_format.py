"""Memory formats: the strides of copies, casts and new tensors, as torch has them."""

import copy
import pickle

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

#: What is done to x, a (2, 3, 4, 5) tensor of floats; v is a view of it in another order, e one that repeats elements.
DONE = """
x.contiguous(memory_format=t.channels_last)
x.contiguous(memory_format=t.preserve_format)
v.contiguous(memory_format=t.preserve_format)
v.contiguous(memory_format=t.contiguous_format)
x[:, :1].contiguous(memory_format=t.channels_last)
x.clone(memory_format=t.channels_last)
x[:, :1].clone(memory_format=t.channels_last)
x[None].clone(memory_format=t.channels_last_3d)
v.clone()
v.clone(memory_format=None)
v.clone(memory_format=t.contiguous_format)
v[:, ::2].clone()
e.clone()
e.clone().view(-1)
e.permute(3, 1, 0, 2).clone()
e.double()
e.to(t.float32, copy=True)
v.double()
v.to(t.float64, memory_format=t.contiguous_format)
v.to(t.float32, memory_format=t.contiguous_format)
x.to(memory_format=t.channels_last)
x.to(t.float32, memory_format=t.channels_last)
x.to(t.float64, True, memory_format=t.channels_last)
x.to('cpu', t.float64, False, True, memory_format=t.channels_last)
x.contiguous(memory_format=t.channels_last).to(memory_format=t.channels_last)
x.to(t.zeros(1, dtype=t.int64), memory_format=t.channels_last)
x.half(memory_format=t.channels_last)
x.long(memory_format=t.channels_last)
x.bool(memory_format=t.contiguous_format)
x.cpu(memory_format=t.channels_last)
x.contiguous(memory_format=t.channels_last).exp() * 2
t.zeros_like(x, memory_format=t.channels_last)
t.zeros_like(v)
t.zeros_like(v, memory_format=t.contiguous_format)
t.zeros_like(e)
t.full_like(v[:, ::2], 3)
t.ones_like(v.permute(3, 0, 1, 2))
t.rand_like(v)
t.rand_like(x, memory_format=t.channels_last)
t.randn_like(v)
t.randn_like(v[:1, :1, :2])
t.randint_like(v, 50)
t.zeros_like(t.empty(2, 3, 4, 5, memory_format=t.channels_last))
# --- refused ---
x[0].clone(memory_format=t.channels_last)
x.contiguous(memory_format=t.channels_last_3d)
x[0].to(t.float64, memory_format=t.channels_last)
t.empty(2, 3, memory_format=t.channels_last)
t.empty(2, 3, memory_format=t.preserve_format)
t.zeros(2, 3, memory_format=t.channels_last)
x.new_empty(2, 3, 4, 5, memory_format=t.channels_last)
x.clone(memory_format=3)
x.contiguous(memory_format='channels_last')
x.is_contiguous(memory_format=3)
t.zeros_like(x, memory_format=1)
t.memory_format('channels_last')
"""
#: (line, shape of what is asked): whether it lies in each format.
ASKED = (
    "x",
    "v",
    "x[:, :1]",
    "x[..., :1, :1]",
    "x[0]",
    "x.permute(0, 2, 3, 1)",
    "x[None]",
    "x[:0]",
    "x.float()[:, :, ::2]",
)


def tensors(t):
    t.manual_seed(3)
    x = t.arange(120).reshape(2, 3, 4, 5).to(t.float32)
    return {"t": t, "x": x, "v": x.permute(0, 2, 3, 1), "e": t.ones(1, 3, 1, 5).expand(2, 3, 4, 5)}


def strides(line):
    def program(t):
        made = eval(line, tensors(t))
        return (made, made.stride()) if hasattr(made, "stride") else made

    return program


def asked(line):
    def program(t):
        x = eval(line, tensors(t))
        formats = (t.contiguous_format, t.preserve_format, t.channels_last, t.channels_last_3d)
        return [x.is_contiguous(memory_format=f) for f in formats]

    return program


def recorded(line):
    """The node of a copy, and its gradient."""

    def program(t):
        names = tensors(t)
        names["x"].requires_grad_()
        made = eval(line, names)
        made.backward(t.ones_like(made))
        return type(made.grad_fn).__name__, names["x"].grad

    return program


PROGRAMS = {line: strides(line) for line in DONE.strip().splitlines() if not line.startswith("#")}
PROGRAMS |= {f"asked: {line}": asked(line) for line in ASKED}
PROGRAMS |= {
    f"recorded: {line}": recorded(line)
    for line in (
        "x.clone(memory_format=t.channels_last)",
        "x.contiguous(memory_format=t.channels_last)",
        "x.to(t.float64, memory_format=t.channels_last)",
        "x.to(memory_format=t.channels_last)",
        "x.expand(2, 2, 3, 4, 5).clone()",
        "x.expand(2, 2, 3, 4, 5).double()",
    )
}
PROGRAMS["printed"] = lambda t: [t.channels_last, t.channels_last_3d, t.contiguous_format, t.preserve_format]


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
def test_values_stay_on_every_backend():
    values = np.arange(120.0).reshape(2, 3, 4, 5)
    x = on(values, requires_grad=True)
    y = x.to(plugrad.float32, memory_format=plugrad.channels_last)
    z = y.clone(memory_format=plugrad.channels_last).contiguous()
    assert_close(z.detach().double(), values)
    (z * z).sum().backward()
    assert_close(x.grad, 2 * values)


def test_a_format_is_one_object():
    for f in (plugrad.channels_last, plugrad.preserve_format):
        assert pickle.loads(pickle.dumps(f)) is f
        assert copy.deepcopy(f) is f
        assert copy.copy(f) is f
        assert isinstance(f, plugrad.memory_format)


@pytest.mark.cpu
@pytest.mark.oracle
def test_orders_of_all_kinds_of_views_as_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(200):
        rank = int(rng.integers(2, 6))
        sizes = [int(n) for n in rng.integers(1, 4, rank)]
        wide = [n if n > 1 else 2 for n in sizes]  # the step of one element is the library's own affair
        axes, step = [int(a) for a in rng.permutation(rank)], int(rng.integers(1, 3))
        found = []
        for t in (plugrad, torch):
            view = t.zeros(*sizes).expand(*wide).permute(*axes)[:, ::step]
            found.append([(t.empty_like(view).stride()), view.clone().stride(), tuple(view.shape)])
        for ours, theirs in zip(found[0][:2], found[1][:2], strict=True):
            assert all(a == b or n == 1 for a, b, n in zip(ours, theirs, found[0][2], strict=True))
