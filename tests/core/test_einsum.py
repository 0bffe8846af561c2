"""einsum against numpy's, with gradients against central differences."""

import numpy as np
import pytest

import plugrad
import plugrad.core.ops.einsum
from plugrad.autograd import gradcheck
from plugrad.core.ops.einsum import arguments, cheapest_order, placed
from plugrad_testing import assert_close, on

pytestmark = pytest.mark.device

EQUATIONS = [
    ("i->i", (3,)),
    ("i->", (3,)),
    ("ij->ji", (2, 3)),
    ("ij->j", (2, 3)),
    ("ba", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iji->j", (2, 3, 2)),
    ("iijj->ij", (2, 2, 3, 3)),
    ("i,i", (3,), (3,)),
    ("i,j->ij", (3,), (2,)),
    ("ij,j", (2, 3), (3,)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,kl->", (2, 3), (4, 2)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("i,ij,j", (2,), (2, 3), (3,)),
    ("a,a,a->a", (3,), (3,), (3,)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...j,...k", (2, 1, 3), (5, 4)),
    ("...i->i...", (2, 3, 4)),
    ("i...->...", (2, 3, 4)),
    (" ij , jk -> ik ", (2, 3), (3, 4)),
    (",i->i", (), (3,)),
    ("ij,jk->ik", (2, 0), (0, 3)),
]


def operands(shapes, requires_grad=False):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    return arrays, [on(a, requires_grad=requires_grad) for a in arrays]


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda c: c[0])
def test_values(case):
    equation, *shapes = case
    arrays, tensors = operands(shapes)
    assert_close(plugrad.einsum(equation, *tensors), np.asarray(np.einsum(equation, *arrays)), 1e-12, 1e-12)


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda c: c[0])
def test_gradients(case):
    equation, *shapes = case
    _, tensors = operands(shapes, requires_grad=True)
    assert gradcheck(lambda *t: plugrad.einsum(equation, *t), tensors)


def test_a_size_of_one_broadcasts():
    (x, y), tensors = operands([(2, 3), (1, 4)])
    assert_close(plugrad.einsum("ij,jk->ik", *tensors), np.einsum("ij,jk->ik", x, np.repeat(y, 3, 0)), 1e-12, 1e-12)
    assert_close(plugrad.einsum("ij,jk->jk", *tensors), x.sum(0)[:, None] * y, 1e-12, 1e-12)


def test_dimensions_of_an_ellipsis_that_the_result_leaves_out_are_summed():
    (x,), tensors = operands([(2, 3, 4)])
    assert_close(plugrad.einsum("...ij->ij", *tensors), x.sum(0), 1e-12, 1e-12)


def test_operands_with_lists():
    (x, y), (a, b) = operands([(2, 3), (3, 4)])
    assert_close(plugrad.einsum(a, [0, 1], b, [1, 2], [2, 0]), (x @ y).T, 1e-12, 1e-12)
    assert_close(plugrad.einsum(a, [..., 0], [0, ...]), x.T, 0)
    assert_close(plugrad.einsum("ij,jk->ik", [a, b]), x @ y, 1e-12, 1e-12)


CHAIN = ("ij,jk,...kl,lm->...im", (3, 4), (4, 5), (2, 5, 2), (2, 3))


@pytest.mark.parametrize("steps", [[(0, 3), (0, 1), (1, 0)], [(1, 2), (2, 1), (0, 1)]])
def test_the_order_of_the_products_does_not_matter(steps, monkeypatch):
    monkeypatch.setattr(plugrad.core.ops.einsum, "order", lambda parts, outputs: steps)
    arrays, tensors = operands(CHAIN[1:])
    assert_close(plugrad.einsum(CHAIN[0], *tensors), np.einsum(CHAIN[0], *arrays), 1e-12, 1e-12)


def test_the_order_that_opt_einsum_finds():
    pytest.importorskip("opt_einsum")
    arrays, tensors = operands(CHAIN[1:])
    parts, outputs = placed(*arguments((CHAIN[0], *tensors)))
    steps = cheapest_order(parts, outputs)
    assert len(steps) == len(tensors) - 1
    assert all(len(step) == 2 for step in steps)
    assert_close(plugrad.einsum(CHAIN[0], *tensors), np.einsum(CHAIN[0], *arrays), 1e-12, 1e-12)


NODES = {
    ("ij,jk->ki", (3, 4), (4, 5)): "ViewBackward0",
    ("ij,jk,kl->il", (3, 4), (4, 5), (5, 2)): "ViewBackward0",
    ("ij,jk,kl->li", (3, 4), (4, 5), (5, 2)): "ViewBackward0",
    ("i,j,k->kji", (2,), (3,), (4,)): "MulBackward0",
    ("ij,k->ik", (2, 3), (4,)): "ViewBackward0",
    ("ij,ij->ji", (2, 3), (2, 3)): "MulBackward0",
    ("ij,jk,kl->lki", (2, 3), (3, 4), (4, 5)): "ViewBackward0",
    ("ij->ji", (2, 3)): "PermuteBackward0",
}


@pytest.mark.cpu
@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("case", NODES, ids=lambda case: case[0])
def test_the_last_node_is_the_same_in_every_order(case, found, monkeypatch):
    if found:
        pytest.importorskip("opt_einsum")
    monkeypatch.setattr(plugrad.core.ops.einsum, "knows_orders", lambda: found)
    made = plugrad.einsum(case[0], *(plugrad.ones(shape, requires_grad=True) for shape in case[1:]))
    assert made.grad_fn.name() == NODES[case]


@pytest.mark.oracle
@pytest.mark.parametrize("case", NODES, ids=lambda case: case[0])
def test_the_last_node_of_torch(case):
    torch = pytest.importorskip("torch")
    made = torch.einsum(case[0], *(torch.ones(shape, requires_grad=True) for shape in case[1:]))
    assert made.grad_fn.name() == NODES[case]
