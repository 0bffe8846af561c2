"""torch.linalg: norms by every order and dimension, their gradients at zero, products, and refusals."""

import math
import re

import numpy as np
import pytest

import plugrad as torch
from plugrad import linalg
from plugrad.autograd import grad
from plugrad.testing import assert_close

pytestmark = pytest.mark.device

VALUES = np.array([[1.0, -5.0, 3.0], [9.0, 2.0, -7.0]])
INF = math.inf


def double(values, requires_grad=False):
    made = torch.tensor(np.asarray(values).tolist(), dtype=torch.float64)
    return made.requires_grad_() if requires_grad else made


def same(tensor, values):
    assert_close(tensor.detach(), double(values))


# --- vector norms ---
@pytest.mark.parametrize("dim", [None, 0, 1, -1, (0, 1)])
@pytest.mark.parametrize("ord", [0, 0.5, 1, 2, 3.5, -1, INF, -INF])
@pytest.mark.parametrize("keepdim", [False, True])
def test_vector_norm(ord, dim, keepdim):
    size = np.abs(VALUES)
    axis = dim if dim is None or isinstance(dim, tuple) else (dim,)
    if abs(ord) == INF:
        expected = (np.max if ord > 0 else np.min)(size, axis, keepdims=keepdim)
    elif ord == 0:
        expected = np.sum(size != 0, axis, keepdims=keepdim).astype(float)
    else:
        expected = np.sum(size**ord, axis, keepdims=keepdim) ** (1 / ord)
    same(linalg.vector_norm(double(VALUES), ord, dim, keepdim), expected)


@pytest.mark.parametrize(
    ("ord", "expected"),
    [
        (1, [[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]]),
        (2, [[0.6, 0.0, -0.8], [0.0, 0.0, 0.0]]),
        (3, [[9 / 91 ** (2 / 3), 0.0, -16 / 91 ** (2 / 3)], [0.0, 0.0, 0.0]]),
        (INF, [[0.0, 0.0, -1.0], [0.0, 0.0, 0.0]]),
    ],
)
def test_gradient_is_zero_at_zero(ord, expected):
    x = double([[3.0, 0.0, -4.0], [0.0, 0.0, 0.0]], requires_grad=True)
    linalg.vector_norm(x, ord, 1).sum().backward()
    assert_close(x.grad, double(expected), rtol=1e-7, atol=1e-7)


def test_ties_of_the_infinity_norm_share():
    x = double([2.0, -2.0, 1.0], requires_grad=True)
    linalg.vector_norm(x, INF).backward()
    same(x.grad, [0.5, -0.5, 0.0])


def test_second_derivative():
    x = double([3.0, 4.0], requires_grad=True)
    (g,) = grad(linalg.vector_norm(x), x, create_graph=True)
    (second,) = grad(g[0], x)
    same(second, [16 / 125, -12 / 125])


def test_dtype_argument():
    assert linalg.vector_norm(torch.ones(4), dtype=torch.float64).dtype is torch.float64
    assert linalg.vector_norm(torch.tensor([3 + 4j])).dtype is torch.float32


def test_out_argument():
    out = torch.empty(())
    assert linalg.vector_norm(torch.tensor([3.0, 4.0]), out=out) is out
    assert out.item() == 5.0


def test_empty():
    assert linalg.vector_norm(torch.zeros(0)).item() == 0.0
    assert linalg.vector_norm(torch.zeros(2, 0), 1, 1).tolist() == [0.0, 0.0]


# --- matrix norms ---
@pytest.mark.parametrize(
    ("ord", "expected"),
    [("fro", 13.0), (1, 10.0), (-1, 7.0), (INF, 18.0), (-INF, 9.0)],
)
def test_matrix_norm(ord, expected):
    same(linalg.matrix_norm(double(VALUES), ord), expected)
    same(linalg.matrix_norm(double(VALUES.T), ord, dim=(1, 0)), expected)
    same(linalg.matrix_norm(double([VALUES, -VALUES]), ord), [expected, expected])
    assert linalg.matrix_norm(double([VALUES]), ord, keepdim=True).shape == torch.Size([1, 1, 1])


def test_gradient_of_a_matrix_norm():
    x = double(VALUES, requires_grad=True)
    linalg.matrix_norm(x, 1).backward()
    same(x.grad, [[0.5, 0.0, 0.5], [0.5, 0.0, -0.5]])


def test_norm_chooses():
    x = double(VALUES)
    same(linalg.norm(x), 13.0)
    same(linalg.norm(x, 1), 10.0)  # of a matrix
    same(linalg.norm(x[0], 1), 9.0)  # of a vector
    same(linalg.norm(x, 1, 1), [9.0, 18.0])
    same(linalg.norm(x, "fro"), 13.0)
    same(linalg.norm(x, 1, (0, 1)), 10.0)
    same(linalg.norm(double([[[1.0, 2.0], [2.0, 4.0]]])), 5.0)


# --- products and diagonals ---
def test_products():
    x = double(VALUES)
    same(linalg.matmul(x, x.t()), VALUES @ VALUES.T)
    same(linalg.vecdot(x, x), [35.0, 134.0])
    same(linalg.diagonal(x), [1.0, 2.0])
    same(linalg.diagonal(x, offset=1), [-5.0, -7.0])


def test_multi_dot():
    rng = np.random.default_rng(0)
    parts = [rng.uniform(-1, 1, s) for s in ((10, 2), (2, 30), (30, 3), (3, 4))]
    assert_close(
        linalg.multi_dot([double(p) for p in parts]), double(np.linalg.multi_dot(parts)), rtol=1e-12, atol=1e-12
    )
    vector = rng.uniform(-1, 1, 10)
    found = linalg.multi_dot([double(vector), *(double(p) for p in parts)])
    assert_close(found, double(np.linalg.multi_dot([vector, *parts])), rtol=1e-12, atol=1e-12)


# --- refusals ---
REFUSED = {
    "whole numbers": (
        lambda x: linalg.vector_norm(x.long()),
        RuntimeError,
        "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long",
    ),
    "whole numbers in a matrix": (
        lambda x: linalg.matrix_norm(x.long()),
        RuntimeError,
        "linalg.matrix_norm: Expected a floating point or complex tensor as input. Got Long",
    ),
    "whole dtype": (
        lambda x: linalg.vector_norm(x, dtype=torch.int64),
        RuntimeError,
        "linalg.vector_norm: dtype should be floating point or complex, but got Long",
    ),
    "narrower dtype": (
        lambda x: linalg.vector_norm(x, dtype=torch.float32),
        RuntimeError,
        "linalg.vector_norm: the dtype of the input (Double) should be convertible without narrowing to the specified dtype (Float)",
    ),
    "name as order": (
        lambda x: linalg.vector_norm(x, "fro"),
        TypeError,
        "linalg_vector_norm(): argument 'ord' (position 2) must be Number, not str",
    ),
    "infinity of nothing": (
        lambda x: linalg.vector_norm(x[:0], INF),
        RuntimeError,
        "linalg.vector_norm cannot compute the inf norm on an empty tensor because the operation does not have an identity",
    ),
    "infinity of an empty dimension": (
        lambda x: linalg.vector_norm(x[:, :0], INF, 1),
        RuntimeError,
        "linalg.vector_norm cannot compute the inf norm on the dimension 1because this dimension is empty and the operation does not",
    ),
    "dimension": (
        lambda x: linalg.vector_norm(x, 2, 5),
        IndexError,
        "Dimension out of range (expected to be in range of [-2, 1], but got 5)",
    ),
    "order": (lambda x: linalg.matrix_norm(x, 3), RuntimeError, "linalg.matrix_norm: Order 3 not supported."),
    "name": (lambda x: linalg.matrix_norm(x, "x"), RuntimeError, "linalg.matrix_norm: Order x not supported."),
    "vector": (
        lambda x: linalg.matrix_norm(x[0]),
        RuntimeError,
        "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.",
    ),
    "one dimension": (
        lambda x: linalg.matrix_norm(x, dim=(0,)),
        RuntimeError,
        "linalg.matrix_norm: dim must be a 2-tuple. Got 0",
    ),
    "the same dimension twice": (
        lambda x: linalg.matrix_norm(x, dim=(1, 1)),
        RuntimeError,
        "linalg.matrix_norm: dims must be different. Got (1, 1)",
    ),
    "order without dimensions": (
        lambda x: linalg.norm(x[None], 1),
        RuntimeError,
        "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got 3D.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    call, kind, text = REFUSED[name]
    with pytest.raises(kind, match=re.escape(text)):
        call(double(VALUES))


@pytest.mark.parametrize("ord", ["nuc", 2, -2])
@pytest.mark.parametrize("keepdim", [False, True])
def test_norms_by_singular_values(ord, keepdim):
    same(
        linalg.matrix_norm(double(VALUES), ord, keepdim=keepdim), np.linalg.norm(VALUES, ord, (0, 1), keepdims=keepdim)
    )


@pytest.mark.parametrize("p", [None, 2, -2, "fro", "nuc", 1, -1, INF, -INF])
def test_cond(p):
    square = VALUES[:, :2]
    same(linalg.cond(double(square), p), np.linalg.cond(square, p))
