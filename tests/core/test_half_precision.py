"""Sums in half precision are added up in more digits and rounded once: one at a time, bfloat16 ones stop at 256."""

import numpy as np
import pytest

import plugrad
from plugrad.core.device import space
from plugrad_testing import on

pytestmark = pytest.mark.device

COUNT = 6000
EXACT = {"float16": 6000.0, "bfloat16": 6016.0}  # 6000 lies between two bfloat16 numbers, 32 apart
#: A last digit, relative.
DIGIT = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


@pytest.fixture(params=["float16", "bfloat16"])
def dtype(request, xp):
    if getattr(xp, request.param) is None:
        pytest.skip(f"backend {xp.name} has no {request.param}")
    return getattr(plugrad, request.param)


def values(dtype, *shape):
    """Random values of a dtype on the device, and exactly the same in float64 here."""
    drawn = on(np.random.default_rng(0).uniform(0.5, 1.5, shape)).to(dtype)
    return drawn, np.array(drawn.double().tolist())


def assert_rounded(result, expected, dtype, digits=1.0):
    assert result.dtype is dtype
    np.testing.assert_allclose(np.array(result.double().tolist()), expected, rtol=DIGIT[dtype.name] * digits)


ONES = {
    "all": lambda x: x.sum(),
    "rows": lambda x: x.sum(0)[0],
    "columns": lambda x: x.t().sum(1)[0],
    "running": lambda x: x.cumsum(0)[-1, 0],
    "product": lambda x: (x.t() @ x)[0, 0],
    "vector product": lambda x: x[:, 0] @ x[:, 0],
    "norm": lambda x: x.norm(1, 0)[0],
}


@pytest.mark.parametrize("way", ONES)
def test_six_thousand_ones(way, dtype):
    x = plugrad.ones(COUNT, 1, dtype=dtype)
    assert ONES[way](x).item() == EXACT[dtype.name]


def test_the_gradient_of_a_broadcast_value(dtype):
    b = plugrad.zeros(1, dtype=dtype, requires_grad=True)
    (plugrad.ones(COUNT, 1, dtype=dtype) + b).sum().backward()
    assert b.grad.item() == EXACT[dtype.name]


def test_a_mean_whose_sum_is_no_number(dtype):
    x = plugrad.full((COUNT,), 60000.0, dtype=dtype)
    assert_rounded(x.mean(), 60000.0, dtype)
    assert_rounded(x.mean(0), 60000.0, dtype)


REDUCTIONS = {
    "mean": (lambda x: x.mean(0), lambda a: a.mean(0)),
    "var": (lambda x: x.var(0), lambda a: a.var(0, ddof=1)),
    "std": (lambda x: x.std(0), lambda a: a.std(0, ddof=1)),
    "norm": (lambda x: x.norm(dim=0), lambda a: np.sqrt((a * a).sum(0))),
    "norm of order 3": (lambda x: x.norm(3, 0), lambda a: np.cbrt((a**3).sum(0))),
    "logsumexp": (lambda x: x.logsumexp(0), lambda a: np.log(np.exp(a).sum(0))),
    "softmax": (lambda x: x.softmax(0), lambda a: np.exp(a) / np.exp(a).sum(0)),
    "log_softmax": (lambda x: x.log_softmax(0), lambda a: a - np.log(np.exp(a).sum(0))),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_of_many_values(name, dtype):
    ours, exact = REDUCTIONS[name]
    x, a = values(dtype, 3000, 2)
    assert_rounded(ours(x), exact(a), dtype)


def test_products_of_many_values(dtype):
    x, a = values(dtype, 40, 3)
    assert_rounded(x.prod(0), a.prod(0), dtype)
    assert_rounded(x.cumprod(0), a.cumprod(0), dtype)


def test_a_mean_rounds_once_in_its_gradient(dtype):
    x = plugrad.ones(3000, dtype=dtype, requires_grad=True)
    x.mean().backward()
    assert_rounded(x.grad, np.full(3000, 1 / 3000), dtype, 0.5)


@pytest.mark.cpu
def test_values_added_at_one_place(dtype):
    """A device adds them in its own way, a cpu in float32."""
    index = plugrad.zeros(COUNT, dtype=plugrad.int64)
    x = plugrad.zeros(2, dtype=dtype, requires_grad=True)
    x[index].sum().backward()
    assert x.grad.tolist() == [EXACT[dtype.name], 0.0]
    weight = plugrad.zeros(2, 1, dtype=dtype, requires_grad=True)
    plugrad.nn.functional.embedding(index, weight).sum().backward()
    assert weight.grad.tolist() == [[EXACT[dtype.name]], [0.0]]


def test_single_precision_stays_single():
    x = plugrad.ones(5)
    assert x.mean().dtype is x.sum().dtype is x.var().dtype is plugrad.float32
    assert space(None).sum(x._a, None, False).dtype == space(None).float32
