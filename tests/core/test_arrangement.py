"""Shape, products and strided views on the backend under test: values against numpy, gradients against differences."""

import itertools

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_testing import assert_close, on

pytestmark = pytest.mark.device

#: name → (function of plugrad's tensors, the same of numpy's arrays, shapes).
CASES = {
    "block_diag": (
        plugrad.block_diag,
        lambda x, y: np.block([[x, np.zeros((2, 2))], [np.zeros((1, 3)), y[None]]]),
        [(2, 3), (2,)],
    ),
    "cartesian_prod": (
        plugrad.cartesian_prod,
        lambda x, y: np.array(list(itertools.product(x, y))),
        [(3,), (2,)],
    ),
    "combinations": (
        lambda x: plugrad.combinations(x, 3),
        lambda x: np.array(list(itertools.combinations(x, 3))),
        [(5,)],
    ),
    "column_stack": (lambda *t: plugrad.column_stack(t), lambda *a: np.column_stack(a), [(2,), (2, 3)]),
    "dstack": (lambda *t: plugrad.dstack(t), lambda *a: np.dstack(a), [(2, 3), (2, 3)]),
    "diag_embed": (
        lambda x: plugrad.diag_embed(x, 1, 0, 2),
        lambda x: np.stack([np.diag(row, 1) for row in x], 1),
        [(2, 3)],
    ),
    "meshgrid": (
        lambda x, y: plugrad.stack(plugrad.meshgrid(x, y, indexing="xy")),
        lambda x, y: np.stack(np.meshgrid(x, y)),
        [(3,), (2,)],
    ),
    "tensor_split": (
        lambda x: plugrad.tensor_split(x, 3)[1] * 2,
        lambda x: np.array_split(x, 3)[1] * 2,
        [(7,)],
    ),
    "tensordot": (
        lambda x, y: plugrad.tensordot(x, y, ([0, 2], [1, 0])),
        lambda x, y: np.tensordot(x, y, ([0, 2], [1, 0])),
        [(2, 3, 4), (4, 2)],
    ),
    "inner": (plugrad.inner, np.inner, [(2, 3), (4, 3)]),
    "kron": (plugrad.kron, np.kron, [(2, 3), (2, 1, 2)]),
    "cross": (lambda x, y: plugrad.cross(x, y, dim=0), lambda x, y: np.cross(x, y, axis=0), [(3, 2), (3, 2)]),
    "addr": (
        lambda x, y, z: plugrad.addr(x, y, z, alpha=2),
        lambda x, y, z: x + 2 * np.outer(y, z),
        [(3,), (2,), (3,)],
    ),
    "addbmm": (plugrad.addbmm, lambda x, y, z: x + (y @ z).sum(0), [(2, 2), (3, 2, 4), (3, 4, 2)]),
    "vander": (lambda x: plugrad.vander(x, 4), lambda x: np.vander(x, 4), [(3,)]),
    "vdot": (plugrad.vdot, np.vdot, [(3,), (3,)]),
    "as_strided": (
        lambda x: (x * 1).as_strided((3, 2), (1, 2), 1),
        lambda x: np.array([[x[i + 2 * j + 1] for j in range(2)] for i in range(3)]),
        [(6,)],
    ),
    "as_strided_scatter": (
        lambda x, y: plugrad.as_strided_scatter(x, y, (2,), (3,), 1),
        lambda x, y: np.array([x[0], y[0], x[2], x[3], y[1], x[5]]),
        [(6,), (2,)],
    ),
    "cdist": (
        lambda x, y: plugrad.cdist(x, y, 3),
        lambda x, y: (np.abs(x[:, None] - y) ** 3).sum(-1) ** (1 / 3),
        [(2, 3), (4, 3)],
    ),
}


def operands(shapes, requires_grad=False):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    return arrays, [on(a, requires_grad=requires_grad) for a in arrays]


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    function, reference, shapes = CASES[name]
    arrays, tensors = operands(shapes)
    assert_close(function(*tensors), np.asarray(reference(*arrays)), 1e-12, 1e-12)


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    function, _, shapes = CASES[name]
    _, tensors = operands(shapes, requires_grad=True)
    assert gradcheck(function, tensors, check_forward_ad=True)
    assert gradgradcheck(function, tensors)


@pytest.mark.parametrize("name", CASES)
def test_under_vmap(name):
    function, _, shapes = CASES[name]
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal((3, *shape)) for shape in shapes]
    made = plugrad.vmap(function)(*(on(a) for a in arrays))
    for i in range(3):
        assert_close(made[i], function(*(on(a[i]) for a in arrays)), 1e-12, 1e-12)


def test_creation():
    assert_close(plugrad.logspace(0, 2, 3, dtype=plugrad.float64), np.array([1.0, 10.0, 100.0]), 1e-6)
    assert_close(plugrad.tril_indices(3, 2), np.array(np.tril_indices(3, 0, 2)), 0)
    assert_close(plugrad.triu_indices(2, 3, 1), np.array(np.triu_indices(2, 1, 3)), 0)
    assert_close(plugrad.fill(on(np.zeros(2)), 3), np.full(2, 3.0), 0)


def test_complex_numbers_as_pairs():
    pairs = np.arange(6.0).reshape(3, 2)
    found = plugrad.view_as_complex(on(pairs))
    assert_close(found, pairs[:, 0] + 1j * pairs[:, 1], 0)
    assert_close(plugrad.view_as_real(found), pairs, 0)


def test_a_write_through_as_strided():
    x = on(np.arange(6.0), requires_grad=True)
    y = x * 1
    if not y._xp.has_strides:
        with pytest.raises(NotImplementedError, match="has no views of other strides"):
            y.as_strided_((2,), (3,))
        return
    y.as_strided((2,), (3,)).mul_(on(np.array([2.0, 5.0])))
    assert_close(y, np.array([0.0, 1, 2, 15, 4, 5]), 0)
    (y * y).sum().backward()
    assert_close(x.grad, np.array([0.0, 2, 4, 150, 8, 10]), 1e-12)


def test_many_gradients_of_a_write_through_as_strided():
    x = on(np.arange(6.0), requires_grad=True)
    y = x * 1
    if not y._xp.has_strides:
        pytest.skip("the backend copies")
    y.t().as_strided((2,), (3,)).mul_(2)
    (found,) = plugrad.autograd.grad(y, x, on(np.eye(6)), is_grads_batched=True)
    assert_close(found, np.diag([2.0, 1, 1, 2, 1, 1]), 0)


def test_a_flip_lies_on_its_own_memory():
    x = on(np.arange(3.0))
    x.flip(0).zero_()
    assert_close(x, np.arange(3.0), 0)
