"""Indexing, scatters and gathers against torch: values, dtypes, nodes, gradients of two orders, errors, writes to indices."""

import warnings

import pytest

import plugrad
from plugrad_call_table import agree
from plugrad_program_table import lines, same

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]


@pytest.fixture(scope="module", autouse=True)
def warned():
    """torch has given the warnings that it gives only once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, i = torch.ones(1), torch.tensor([0])
        x.index_reduce(0, i, x, "prod")
        x.scatter(0, i, x, reduce="add")


WAYS = ("sum", "prod", "mean", "amax", "amin")
PROGRAMS = lines("""
T.argwhere(m)
T.argwhere(z)
T.argwhere(e)
T.nonzero(k, out=T.zeros(0, dtype=T.int64))
T.diagonal_scatter(M, X[:2])
T.diagonal_scatter(M, X[:2], 1)
T.diagonal_scatter(T.stack([M, M]), M[:, :2], 0, 0, 2)
T.diagonal_scatter(m, x[:1])
T.diagonal_scatter(m, x[:2], 0, 0, 0)
T.select_scatter(M, X[:3], 0, 1)
T.select_scatter(M, X[:2], -1, 0)
T.select_scatter(m, x[:2], 0, 0)
T.select_scatter(m, x[:3], 0, 7)
T.select_scatter(z, z, 0, 0)
T.slice_scatter(M, M[:1] * 2, 0, 1)
T.slice_scatter(X, X[:2], 0, 0, 4, 2)
T.slice_scatter(m, m, 1, 0, 2)
T.slice_scatter(m, m, 1, 0, 2, 0)
T.masked_scatter(X, b, X[1:] * 2)
T.masked_scatter(M, T.tensor([True, False, True]), X)
T.masked_scatter(x, b, x[:2])
T.masked_scatter(x, k, x)
T.masked_scatter(x, b, x.double())
x.masked_scatter(b, 2.0)
(X * 1).masked_scatter_(b, X)
T.put(M, i, X[:3])
T.put(M, T.tensor([[0, -1], [3, 3]]), X[:4].reshape(2, 2), True)
T.put(Z, T.tensor([0]), X[:1])
T.put(x, i, x[:3].double())
T.put(x, k.int(), x)
T.put(x, T.tensor([9]), x[:1])
T.put(x, i, x)
(M * 1).put_(T.tensor([1, 2]), X[:2])
T.unravel_index(k, (2, 3))
T.unravel_index(T.tensor(-1), (2, 3))
T.unravel_index(T.tensor([7]), 6)
T.unravel_index(x, (2, 3))
T.unravel_index(k, (2, -3))
T.unravel_index(k, (2.0, 3))
T.unravel_index(k, "a")
T.scatter_reduce(x, 0, i, x, "first")
T.scatter_reduce(x, 0, i, x.double(), "sum")
T.scatter_reduce(x, 0, i, x[:2], "sum")
T.scatter_reduce(m, 0, i, x, "sum")
T.scatter_reduce(x, 0, i.float(), x, "sum")
T.scatter_reduce(x, 0, T.tensor([7]), x, "sum")
T.scatter_reduce(c, 0, i, c, "amax")
T.scatter_reduce(T.tensor([5, 5, -5]), 0, i, T.tensor([2, 2, 2]), "mean")
T.scatter_reduce(b, 0, i, b, "prod")
T.scatter_reduce(Z, 0, T.tensor(0), Z * 2, "prod")
(X * 1).scatter_reduce_(0, i, X[2:], "sum")
T.index_reduce(m, 0, i, m, "sum")
T.index_reduce(m, 1, i, m[:1], "prod")
T.index_reduce(m, 1, i.float(), m, "mean")
T.index_reduce(m, 1, T.tensor([7]), m[:, :1], "mean")
T.index_reduce(m, 1, i, m.double(), "mean")
T.index_reduce(m, 1, i[None], m, "prod")
T.index_reduce(m, 1, i[:2], m, "prod")
(M * 1).index_reduce_(1, i, M * 2, "mean")
T.scatter(M, 1, T.tensor([[0], [2]]), X[:2].reshape(2, 1))
T.scatter(M, 1, T.tensor([[0], [2]]), 2.0)
T.scatter(M, 1, T.tensor([[0], [2]]), value=2.0)
T.scatter(m, 1, T.tensor([[0], [0]]), m, reduce="add")
T.scatter(m, 1, T.tensor([[0], [0]]), 3.0, reduce="multiply")
T.scatter(m, 1, T.tensor([[0], [0]]), 3.0, reduce="max")
T.scatter(m, 1, T.tensor([[0], [0]]), m.double())
T.scatter(m, 1, i, m)
T.scatter(m, 1, T.tensor([[9]]), m)
T.scatter(m, 1, T.zeros(4, 4, dtype=T.int64), m)
T.scatter(Z, 0, T.tensor(0), Z * 2)
T.scatter_add(M, 1, T.tensor([[0, 0], [2, 2]]), M[:, 1:] * 2)
T.scatter_add(m, 1, T.tensor([[0]]), m.double())
T.scatter_add(m, 1, i, m)
T.scatter_add(b, 0, i, b)
T.index_add(M, 1, i, M * 2)
T.index_add(M, 1, i, M * 2, alpha=3)
T.index_add(Z, 0, T.tensor([0]), Z)
T.index_add(x, 0, x, x)
T.index_add(x, 0, i[None], x)
T.index_add(m, 0, T.tensor([0]), T.ones(1, 4))
T.index_copy(M, 1, T.tensor([2, 0]), M[:, :2] * 2)
T.index_copy(Z, 0, T.tensor([0]), Z * 2)
T.index_copy(x, 0, i.int(), x[:3])
T.index_fill(X, 0, i, Z)
T.index_fill(X, 0, i, 2.0)
T.index_fill(Z, 0, T.tensor([0]), 2.0)
T.index_fill(x, 0, i, x)
T.index_fill(x, 0, i.int(), 1.0)
T.index_fill(x, 0, i[None], 1.0)
T.index_put(X, (i,), X[:3], True)
T.gather(M, 1, T.tensor([[0, 0], [2, 1]]))
T.gather(Z, 0, T.tensor([0]))
T.gather(X, 0, T.tensor([], dtype=T.float32))
T.gather(m, 1, T.tensor([[0]]), out=T.zeros(1, 1))
T.index_select(X, 0, i)
T.index_select(Z, 0, T.tensor([0]))
T.index_select(x, 0, i, out=T.zeros(3))
T.take(M, i)
T.take(M, T.tensor(4))
T.take(M, T.tensor([[-1, 0]]))
T.take(x, i, out=T.zeros(3))
T.masked_select(X, b)
T.masked_select(x, b, out=T.zeros(3))
T.take_along_dim(M, T.tensor([[0], [-1]]), 1)
T.take_along_dim(M, T.tensor([4, 0]))
T.take_along_dim(M, T.tensor([[1, 0, 1]]), 0)
T.take_along_dim(m, i.int())
T.take_along_dim(x, i[None], 0)
""")


@pytest.mark.parametrize("line", PROGRAMS)
def test_same(line):
    same(line, plugrad, torch)


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_scatter_reduce(way, include_self):
    same(f"T.scatter_reduce(X, 0, i, X[2:] * 1.5, {way!r}, include_self={include_self})", plugrad, torch)
    same(f"T.scatter_reduce(M, 1, i.expand(2, 3), M * 1.5, {way!r}, include_self={include_self})", plugrad, torch)


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("way", WAYS[1:])
def test_index_reduce(way, include_self):
    same(f"T.index_reduce(M, 1, i, M * 1.5, {way!r}, include_self={include_self})", plugrad, torch)


def test_a_product_with_a_zero_has_its_gradient():
    agree(lambda t: first_order(t, "prod", [2.0, 0.0, 3.0, 1.0], [1, 1, 0, 2]), plugrad, torch)
    agree(lambda t: first_order(t, "prod", [2.0, 5.0, 0.0, 1.0], [1, 1, 0, 0]), plugrad, torch)


def test_equal_extremes_share_the_gradient():
    agree(lambda t: first_order(t, "amax", [4.0, 4.0, 7.0, 1.0], [1, 1, 0, 2]), plugrad, torch)


def first_order(t, way, values, index):
    x = t.tensor([7.0, 4.0, 1.0], requires_grad=True)
    y = t.tensor(values, requires_grad=True)
    made = t.scatter_reduce(x, 0, t.tensor(index), y, way)
    return made.detach(), t.autograd.grad((made * t.arange(1.0, 4.0)).sum(), [x, y])


KEEPS_ITS_INDEX = {
    "scatter": lambda x, i, s: x.scatter(0, i, s),
    "scatter_add": lambda x, i, s: x.scatter_add(0, i, s),
    "scatter_add of constants": lambda x, i, s: x.scatter_add(0, i, s.detach()),
    "scatter_reduce": lambda x, i, s: x.scatter_reduce(0, i, s, "amax"),
    "index_add": lambda x, i, s: x.index_add(0, i, s),
    "index_add of constants": lambda x, i, s: x.index_add(0, i, s.detach()),
    "index_copy": lambda x, i, s: x.index_copy(0, i, s),
    "index_fill": lambda x, i, s: x.index_fill(0, i, 2.0),
    "index_put": lambda x, i, s: x.index_put((i,), s),
    "index_put added": lambda x, i, s: x.index_put((i,), s, True),
    "index_reduce": lambda x, i, s: x.index_reduce(0, i, s, "mean"),
    "put": lambda x, i, s: x.put(i, s),
    "take": lambda x, i, s: x.take(i),
    "take_along_dim": lambda x, i, s: x.take_along_dim(i, 0),
}


@pytest.mark.parametrize("name", KEEPS_ITS_INDEX)
def test_a_write_to_a_kept_index_is_noticed(name):
    agree(lambda t: written(t, KEEPS_ITS_INDEX[name]), plugrad, torch)


def written(t, function):
    """Whether the backward refuses after a write to the index."""
    x, s = t.ones(3, requires_grad=True), t.ones(2, requires_grad=True)
    index = t.tensor([0, 1])
    made = function(x, index, s)
    index.add_(1)
    try:
        t.autograd.grad(made.sum(), [x, s], allow_unused=True)
    except RuntimeError as error:
        return str(error)[:80]
    return "no error"


@pytest.mark.parametrize("name", ["multi_margin_loss", "multilabel_margin_loss", "soft_margin_loss"])
def test_a_write_to_kept_classes_is_noticed(name):
    def program(t):
        x = t.ones(2, 3, requires_grad=True)
        target = t.zeros(2, 3, dtype=t.int64) if name.startswith("multil") else t.tensor([0, 1])
        target = t.ones(2, 3) if name.startswith("soft") else target
        loss = getattr(t.nn.functional, name)(x, target)
        target.add_(1)
        try:
            t.autograd.grad(loss, x)
        except RuntimeError as error:
            return str(error)[:80]
        return "no error"

    agree(program, plugrad, torch)
