"""x[key] and x[key] = value: values and gradients against numpy for every kind of key, and the words for bad ones."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plugrad as torch
from plugrad.autograd import grad
from plugrad_properties import fixed

pytestmark = pytest.mark.device

SHAPE = (3, 4, 5)
VALUES = np.random.default_rng(0).uniform(-1, 1, SHAPE)


def tensor(array, requires_grad=False):
    """A tensor with a copy of a numpy array."""
    array = np.asarray(array)
    dtype = {"f": torch.float64, "i": torch.int64, "b": torch.bool}[array.dtype.kind]
    made = torch.tensor(array.reshape(-1).tolist(), dtype=dtype).reshape(array.shape)
    return made.requires_grad_() if requires_grad else made


def host(t):
    return t.detach().cpu().numpy()


def to_tensors(key):
    """A numpy key with its arrays as tensors."""
    if isinstance(key, tuple):
        return tuple(to_tensors(part) for part in key)
    return tensor(key) if isinstance(key, np.ndarray) else key


def places(key, shape):
    """Which element of the flattened tensor stands at each place of x[key].

    torch takes ints, slices, None and Ellipsis first, and the index arrays after them; numpy counts ints among the arrays.
    """
    basic, arrays = [], []
    for part in key if isinstance(key, tuple) else (key,):
        part = np.asarray(part) if isinstance(part, list) else part
        if isinstance(part, bool):
            basic.append(None)
            arrays.append(np.array([part]))
        elif isinstance(part, np.ndarray):
            basic += [slice(None)] * (part.ndim if part.dtype == bool else 1)
            arrays.append(part)
        else:
            basic.append(part)
            arrays += [] if isinstance(part, (int, np.integer)) else [Ellipsis if part is Ellipsis else slice(None)]
    found = np.arange(np.prod(shape, dtype=int)).reshape(shape)[tuple(basic)]
    return found[tuple(arrays)] if any(isinstance(part, np.ndarray) for part in arrays) else found


def scattered(weights, where, shape):
    """Zeros with ``weights`` added at ``where``."""
    out = np.zeros(shape)
    np.add.at(out.reshape(-1), np.asarray(where).reshape(-1), np.asarray(weights).reshape(-1))
    return out


I = np.array  # noqa: E741 - keys read better so
MASK = VALUES > 0.3
KEYS = {
    "int": 1,
    "negative int": -1,
    "ints": (2, 0, -3),
    "numpy int": np.int64(2),
    "slice": slice(1, 3),
    "open slice": slice(None),
    "slice with step": (slice(None), slice(None, None, 2)),
    "slice from the end": (slice(-2, None), slice(None, -1)),
    "empty slice": slice(2, 1),
    "slice beyond the end": slice(1, 100),
    "ellipsis": ...,
    "ellipsis before": (..., 1),
    "ellipsis between": (0, ..., slice(1, 3)),
    "ellipsis for nothing": (0, 1, 2, ...),
    "none": None,
    "none inside": (slice(None), None, 1),
    "nones at both ends": (None, 1, ..., None),
    "everything basic": (None, slice(0, 2), ..., -1, None),
    "list": [0, 2],
    "list with repeats": [1, 1, 0, 1],
    "negative in a list": [-1, 0, -3],
    "vector": I([2, 0]),
    "matrix of indices": I([[0, 1], [2, 2]]),
    "empty index": I([], dtype=np.int64),
    "two vectors": (I([0, 2]), I([1, 3])),
    "three vectors": (I([0, 2]), I([1, 3]), I([4, 4])),
    "broadcast vectors": (I([[0], [2]]), I([1, 3, 3])),
    "vector and slice": (slice(1, 3), I([1, 3, 1])),
    "vector last": (..., I([4, 0])),
    "vectors side by side after a slice": (slice(None), I([0, 1]), I([2, 2])),
    "vectors apart": (I([0, 1]), slice(None), I([2, 2])),
    "vectors apart with a broadcast": (I([[0], [1]]), slice(1, 3), I([2, 3, 3])),
    "vector, none and int": (I([0, 1]), None, 2),
    "vector and int": (I([0, 2, 2]), 1),
    "int and vector": (1, I([0, 2, 2])),
    "int, slice and vector": (1, slice(None), I([0, 2, 2])),
    "ellipsis and vectors": (I([0, 1]), ..., I([3, 3])),
    "mask": MASK,
    "mask of rows": I([True, False, True]),
    "mask of the first two": MASK[:, :, 0],
    "mask of the last two": (slice(None), MASK[0]),
    "mask of nothing": np.zeros(SHAPE, bool),
    "mask and int": (I([True, False, True]), 2),
    "mask and vector": (I([True, False, True]), I([1, 3])),
    "mask and slice": (I([True, False, True]), slice(1, 3)),
    "list of bools": [True, False, True],
    "true": True,
    "false": False,
}
REPEATED = {
    "list with repeats",
    "matrix of indices",
    "vector and slice",
    "vectors apart with a broadcast",
    "broadcast vectors",
}
REPEATED |= {"vector and int", "int and vector", "int, slice and vector", "negative in a list"}


@pytest.mark.parametrize("name", KEYS)
def test_read(name):
    """The values are numpy's, the gradient of a weighted sum is the weights at the places read."""
    key = KEYS[name]
    where = places(key, SHAPE)
    x = tensor(VALUES, requires_grad=True)
    part = x[to_tensors(key)]
    assert tuple(part.shape) == where.shape
    np.testing.assert_array_equal(host(part), VALUES.reshape(-1)[where])
    weights = np.random.default_rng(1).uniform(-1, 1, where.shape)
    (g,) = grad(part, x, tensor(weights), allow_unused=True, materialize_grads=True)
    np.testing.assert_allclose(host(g), scattered(weights, where, SHAPE), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", KEYS)
def test_second_order_of_reading(name):
    x = tensor(VALUES, requires_grad=True)
    part = x[to_tensors(KEYS[name])]
    (g,) = grad((part**3).sum(), x, create_graph=True)
    (second,) = grad(g.sum(), x, allow_unused=True, materialize_grads=True)
    where = places(KEYS[name], SHAPE)
    counts = scattered(np.ones(where.shape), where, SHAPE)
    np.testing.assert_allclose(host(second), 6 * VALUES * counts, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("kind", ["number", "same shape", "broadcast"])
@pytest.mark.parametrize("name", [name for name in KEYS if name not in REPEATED])
def test_write(name, kind):
    """Values as numpy writes them; the gradient stops at the places written and reaches the value written there."""
    where = places(KEYS[name], SHAPE)
    rng = np.random.default_rng(2)
    shape = {"number": (), "same shape": where.shape, "broadcast": where.shape[-1:]}[kind]
    given = rng.uniform(-1, 1, shape)
    x, value = tensor(VALUES, requires_grad=True), tensor(given, requires_grad=True)
    y = x * 1
    y[to_tensors(KEYS[name])] = given.item() if kind == "number" else value
    expected = VALUES.copy()
    expected.reshape(-1)[where] = given
    np.testing.assert_array_equal(host(y), expected)
    weights = rng.uniform(-1, 1, SHAPE)
    gx, gv = grad(y, (x, value), tensor(weights), allow_unused=True, materialize_grads=True)
    kept = weights.copy()
    kept.reshape(-1)[where] = 0.0
    np.testing.assert_allclose(host(gx), kept, rtol=1e-14, atol=1e-14)
    if kind != "number":
        arrived = weights.reshape(-1)[where]
        while arrived.ndim > len(shape):
            arrived = arrived.sum(0)
        np.testing.assert_allclose(host(gv), arrived, rtol=1e-13, atol=1e-13)


def test_write_with_history_only_in_the_value():
    value = tensor(np.array([1.0, 2.0]), requires_grad=True)
    x = torch.zeros(3, 2, dtype=torch.float64)
    x[1] = value
    x[[0, 2], 1] = value * 3
    (x * tensor(np.arange(6.0).reshape(3, 2))).sum().backward()
    assert host(value.grad).tolist() == [2.0 + 3.0, 3.0 + 15.0]


def test_write_reads_and_writes_the_same_tensor():
    x = tensor(np.arange(4.0), requires_grad=True)
    y = x * 1
    y[torch.tensor([0, 1])] = y[torch.tensor([3, 2])]
    assert host(y).tolist() == [3.0, 2.0, 2.0, 3.0]
    (y * tensor(np.array([1.0, 10.0, 100.0, 1000.0]))).sum().backward()
    assert host(x.grad).tolist() == [0.0, 0.0, 110.0, 1001.0]


def test_write_casts_to_the_dtype_of_the_tensor():
    x = torch.zeros(3, dtype=torch.int64)
    x[0] = 1.7
    x[1:] = torch.tensor([2.9, -3.9])
    x[torch.tensor([1])] = torch.tensor([5])
    assert x.tolist() == [1, 5, -3]
    assert x.dtype is torch.int64


def test_write_through_a_mask_of_an_expression():
    x = tensor(np.array([-1.0, 2.0, -3.0]), requires_grad=True)
    y = x * 1
    y[y < 0] = 0.0
    y[y > 0] *= 10
    assert host(y).tolist() == [0.0, 20.0, 0.0]
    y.sum().backward()
    assert host(x.grad).tolist() == [0.0, 10.0, 0.0]


def test_augmented_write():
    x = tensor(np.arange(4.0), requires_grad=True)
    y = x * 1
    y[1] += 5
    y[2:] *= x[:2]
    y[[0]] -= 7
    assert host(y).tolist() == [-7.0, 6.0, 0.0, 3.0]
    y.sum().backward()
    assert host(x.grad).tolist() == [3.0, 4.0, 0.0, 1.0]


def test_value_with_leading_ones():
    x = torch.zeros(2, 3)
    x[0] = torch.ones(1, 1, 3)
    assert x.sum().item() == 3.0
    x[torch.tensor([[True, False, True], [False, False, False]])] = torch.full((1, 1, 2), 5.0)
    assert x.tolist() == [[5.0, 1.0, 5.0], [0.0, 0.0, 0.0]]


def test_zero_dimensional():
    x = tensor(np.array(2.0), requires_grad=True)
    y = x * 1
    assert y[...].item() == 2.0
    assert tuple(y[None].shape) == (1,)
    assert tuple(y[True].shape) == (1,)
    y[...] = 5.0
    y[()] = y * 2
    assert y.item() == 10.0


def test_index_by_other_integers():
    x = tensor(np.arange(4.0))
    assert x[torch.tensor([3, 0], dtype=torch.int32)].tolist() == [3.0, 0.0]
    assert x[torch.tensor(2)].item() == 2.0
    assert x[torch.tensor(2, dtype=torch.int16)].item() == 2.0
    assert x[torch.tensor(2), None].tolist() == [2.0]
    for dtype in (torch.int16, torch.int8):
        with pytest.raises(IndexError, match="tensors used as indices must be long, int, byte or bool tensors"):
            x[torch.tensor([3, 0], dtype=dtype)]


def test_index_by_bytes_warns():
    with pytest.warns(
        UserWarning, match="indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead"
    ):
        found = torch.arange(3)[torch.tensor([1, 0, 1], dtype=torch.uint8)]
    assert found.tolist() == [0, 2]


def test_sequences_inside_a_key():
    x = tensor(np.arange(6.0).reshape(2, 3))
    assert x[:, [[0, 1], [2, 0]]].tolist() == [[[0.0, 1.0], [2.0, 0.0]], [[3.0, 4.0], [5.0, 3.0]]]
    assert x[(0, 1), (2, 0)].tolist() == [2.0, 3.0]
    assert x[range(1)].tolist() == [[0.0, 1.0, 2.0]]
    assert x[[]].shape == torch.Size([0, 3])


def test_list_of_sequences_is_a_tuple():
    x = tensor(np.arange(6.0).reshape(2, 3))
    for key in ([[0, 1], [2, 0]], [torch.tensor([0, 1]), torch.tensor([2, 0])]):
        with warnings.catch_warnings():  # torch warns of it once in a process
            warnings.filterwarnings("ignore", "Using a non-tuple sequence for multidimensional indexing is deprecated")
            assert x[key].tolist() == [2.0, 3.0]


def test_several_ellipses():
    x = tensor(VALUES)
    assert x[..., ...].shape == torch.Size(SHAPE)
    assert x[0, ..., ...].shape == torch.Size([4, 5])


def test_basic_keys_give_views_and_advanced_ones_copies():
    x = torch.zeros(3, 3)
    x[0][1] = 1.0
    x[[2]][0, 0] = 1.0
    x[torch.tensor(1)][0] = 7.0
    assert x.sum().item() == 8.0


# --- bad keys ---
BAD = {
    "int beyond the end": (lambda x: x[3], IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
    "int before the start": (lambda x: x[0, -5], IndexError, "index -5 is out of bounds for dimension 1 with size 4"),
    "too many": (lambda x: x[0, 0, 0, 0], IndexError, "too many indices for tensor of dimension 3"),
    "too many slices": (lambda x: x[:, :, :, :], IndexError, "too many indices for tensor of dimension 3"),
    "negative step": (lambda x: x[::-1], ValueError, "step must be greater than zero"),
    "zero step": (lambda x: x[::0], ValueError, "slice step cannot be zero"),
    "float": (
        lambda x: x[1.0],
        IndexError,
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid",
    ),
    "object": (lambda x: x[{}], IndexError, "None and long or byte Variables are valid indices (got dict)"),
    "text": (lambda x: x["a"], TypeError, "new(): invalid data type 'str'"),
    "numpy bool": (lambda x: x[np.bool_(True)], IndexError, "are valid indices (got "),
    "float tensor": (
        lambda x: x[torch.ones(2)],
        IndexError,
        "tensors used as indices must be long, int, byte or bool tensors",
    ),
    "index tensor beyond the end": (
        lambda x: x[torch.tensor([0, 3])],
        IndexError,
        "index 3 is out of bounds for dimension 0 with size 3",
    ),
    "index tensor before the start": (
        lambda x: x[:, torch.tensor([0, -5])],
        IndexError,
        "index -5 is out of bounds for dimension 0 with size 4",  # the first of the index tensors
    ),
    "second index tensor beyond the end": (
        lambda x: x[torch.tensor([0, 1]), :, torch.tensor([0, 5])],
        IndexError,
        "index 5 is out of bounds for dimension 1 with size 5",  # the second of the index tensors
    ),
    "index tensor into nothing": (
        lambda x: x[:0][torch.tensor([0])],
        IndexError,
        "index is out of bounds for dimension with size 0",
    ),
    "list beyond the end": (lambda x: x[[0, 4]], IndexError, "index 4 is out of bounds for dimension 0 with size 3"),
    "vectors that do not broadcast": (
        lambda x: x[torch.tensor([0, 1]), torch.tensor([0, 1, 2])],
        IndexError,
        "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
    ),
    "mask of another shape": (
        lambda x: x[torch.tensor([True, False])],
        IndexError,
        "The shape of the mask [2] at index 0 does not match the shape of the indexed tensor [3, 4, 5] at index 0",
    ),
    "item of a number": (lambda x: x[0, 0, 0][0], IndexError, "invalid index of a 0-dim tensor. Use `tensor.item()`"),
    "value that does not fit a slice": (
        lambda x: x.__setitem__(0, torch.ones(2)),
        RuntimeError,
        "The expanded size of the tensor (5) must match the existing size (2) at non-singleton dimension 1.  Target sizes: [4, 5].  "
        "Tensor sizes: [2]",
    ),
    "value that does not fit an index": (
        lambda x: x.__setitem__(torch.tensor([0, 1]), torch.ones(2)),
        RuntimeError,
        "shape mismatch: value tensor of shape [2] cannot be broadcast to indexing result of shape [2, 4, 5]",
    ),
    "value that does not fit a mask": (
        lambda x: x.__setitem__(x > 0, torch.ones(61)),
        RuntimeError,
        "shape mismatch: value tensor of shape [61] cannot be broadcast to indexing result of shape [0]",
    ),
    "mask and a vector that do not broadcast": (
        lambda x: x[torch.tensor([True, True, False]), torch.tensor([0, 1, 2])],
        IndexError,
        "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
    ),
    "three vectors that do not broadcast": (
        lambda x: x[torch.tensor([0, 1]), torch.tensor([[0], [1]]), torch.tensor([[0, 1, 2]])],
        IndexError,
        "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [2, 1], [1, 3]",
    ),
    "write by vectors that do not broadcast": (
        lambda x: x.__setitem__((torch.tensor([0, 1]), torch.tensor([0, 1, 2])), 1.0),
        IndexError,
        "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
    ),
    "write beyond the end": (
        lambda x: x.__setitem__(torch.tensor([0, 7]), 1.0),
        IndexError,
        "index 7 is out of bounds for dimension 0 with size 3",
    ),
    "value that is a list": (
        lambda x: x.__setitem__(0, [1.0] * 5),
        TypeError,
        "can't assign a list to a torch.FloatTensor",
    ),
    "value that is none": (
        lambda x: x.__setitem__(0, None),
        TypeError,
        "can't assign a NoneType to a torch.FloatTensor",
    ),
    "index_put that does not fit": (
        lambda x: x.index_put((torch.tensor([0, 1]),), torch.ones(2)),
        RuntimeError,
        "shape mismatch: value tensor of shape [2] cannot be broadcast to indexing result of shape [2, 4, 5]",
    ),
    "index_put of a dimension too many": (
        lambda x: x[0, 0].index_put((torch.tensor([0, 1]),), torch.ones(1, 1, 2)),
        RuntimeError,
        "shape mismatch: value tensor of shape [1, 1, 2] cannot be broadcast to indexing result of shape [2]",
    ),
    "take beyond the end": (
        lambda x: torch.take(x, torch.tensor([100])),
        IndexError,
        "out of range: tried to access index 100 on a tensor of 60 elements.",
    ),
    "index_select beyond the end": (
        lambda x: x.index_select(0, torch.tensor([5])),
        IndexError,
        "index out of range in self",
    ),
    "index_add beyond the end": (
        lambda x: x.index_add(0, torch.tensor([5]), torch.ones(1, 4, 5)),
        RuntimeError,
        "index 5 is out of bounds for dimension 0 with size 3",
    ),
    "index_copy beyond the end": (
        lambda x: x.index_copy(0, torch.tensor([5]), torch.ones(1, 4, 5)),
        IndexError,
        "index_copy_(): index 5 is out of bounds for dimension 0 with size 3",
    ),
    "index_copy of another length": (
        lambda x: x.index_copy(0, torch.tensor([1, 2]), torch.ones(1, 4, 5)),
        IndexError,
        "index_copy_(): Number of indices (2) should be equal to source.size(dim) (1)",
    ),
    "index_fill beyond the end": (
        lambda x: x.index_fill(0, torch.tensor([5]), 1.0),
        IndexError,
        "index 5 is out of bounds for dimension 0 with size 3",
    ),
    "gather beyond the end": (
        lambda x: x.gather(0, torch.tensor([[[5]]])),
        RuntimeError,
        "index 5 is out of bounds for dimension 0 with size 3",
    ),
    "scatter beyond the end": (
        lambda x: x.scatter(0, torch.tensor([[[5]]]), 1.0),
        RuntimeError,
        "index 5 is out of bounds for dimension 0 with size 3",
    ),
    "select beyond the end": (
        lambda x: x.select(1, 4),
        IndexError,
        "select(): index 4 out of range for tensor of size [3, 4, 5] at dimension 1",
    ),
    "select of a number": (
        lambda x: x[0, 0, 0].select(0, 0),
        IndexError,
        "select() cannot be applied to a 0-dim tensor.",
    ),
    "narrow beyond the end": (
        lambda x: x.narrow(0, 2, 2),
        RuntimeError,
        "start (2) + length (2) exceeds dimension size (3).",
    ),
    "length of a number": (lambda x: len(x[0, 0, 0]), TypeError, "len() of a 0-d tensor"),
    "iteration over a number": (lambda x: list(x[0, 0, 0]), TypeError, "iteration over a 0-d tensor"),
}


@pytest.mark.cpu
@pytest.mark.parametrize("name", BAD)
def test_bad_key(name):
    call, kind, text = BAD[name]
    with pytest.raises(kind, match=re.escape(text)):
        call(torch.zeros(SHAPE))


# --- ops by index tensors ---
def weighted(t):
    return (t * tensor(np.random.default_rng(5).uniform(-1, 1, tuple(t.shape)))).sum()


def test_gather():
    index = np.array([[0, 1, 1], [2, 2, 0]])
    x = tensor(VALUES[:, :, 0], requires_grad=True)
    made = x.gather(1, tensor(index))
    np.testing.assert_array_equal(host(made), np.take_along_axis(VALUES[:2, :, 0], index, 1))
    weighted(made).backward()
    weights = np.random.default_rng(5).uniform(-1, 1, (2, 3))
    expected = np.zeros((3, 4))
    np.add.at(expected, (np.arange(2)[:, None], index), weights)
    np.testing.assert_allclose(host(x.grad), expected)


def test_index_select():
    index = np.array([2, 0, 2])
    x = tensor(VALUES, requires_grad=True)
    made = torch.index_select(x, 1, tensor(index))
    np.testing.assert_array_equal(host(made), VALUES[:, index])
    made.sum().backward()
    expected = np.zeros(SHAPE)
    np.add.at(expected, (slice(None), index), 1.0)
    np.testing.assert_array_equal(host(x.grad), expected)


def test_take():
    x = tensor(VALUES, requires_grad=True)
    made = torch.take(x, tensor(np.array([[0, 59], [7, 7]])))
    np.testing.assert_array_equal(host(made), VALUES.reshape(-1)[[[0, 59], [7, 7]]])
    made.sum().backward()
    assert host(x.grad).reshape(-1)[[0, 7, 59]].tolist() == [1.0, 2.0, 1.0]


def test_masked_select():
    x = tensor(VALUES, requires_grad=True)
    made = torch.masked_select(x, tensor(MASK))
    np.testing.assert_array_equal(host(made), VALUES[MASK])
    made.sum().backward()
    np.testing.assert_array_equal(host(x.grad), MASK.astype(float))


def test_masked_select_broadcasts():
    x = tensor(VALUES[0], requires_grad=True)
    rows = np.array([[True], [False], [True], [False]])
    assert torch.masked_select(x, tensor(rows)).tolist() == VALUES[0][[0, 2]].reshape(-1).tolist()


@pytest.mark.parametrize("form", ["function", "method", "in place"])
def test_index_add(form):
    index, source = np.array([0, 2, 0]), np.random.default_rng(3).uniform(-1, 1, (3, 4))
    x, s = tensor(VALUES[:, :, 0], requires_grad=True), tensor(source, requires_grad=True)
    if form == "function":
        made = torch.index_add(x, 0, tensor(index), s, alpha=2)
    elif form == "method":
        made = x.index_add(0, tensor(index), s, alpha=2)
    else:
        made = x.clone().index_add_(0, tensor(index), s, alpha=2)
    expected = VALUES[:, :, 0].copy()
    np.add.at(expected, index, 2 * source)
    np.testing.assert_allclose(host(made), expected)
    weights = np.random.default_rng(4).uniform(-1, 1, (3, 4))
    gx, gs = grad(made, (x, s), tensor(weights))
    np.testing.assert_allclose(host(gx), weights)
    np.testing.assert_allclose(host(gs), 2 * weights[index])


def test_index_copy_and_fill():
    index, source = np.array([2, 0]), np.random.default_rng(3).uniform(-1, 1, (2, 4))
    x, s = tensor(VALUES[:, :, 0], requires_grad=True), tensor(source, requires_grad=True)
    made = x.index_copy(0, tensor(index), s)
    expected = VALUES[:, :, 0].copy()
    expected[index] = source
    np.testing.assert_array_equal(host(made), expected)
    gx, gs = grad(made.sum(), (x, s))
    assert host(gx).sum(1).tolist() == [0.0, 4.0, 0.0]
    assert host(gs).tolist() == np.ones((2, 4)).tolist()
    filled = x.index_fill(1, tensor(np.array([1])), 7.0)
    assert host(filled)[:, 1].tolist() == [7.0, 7.0, 7.0]
    assert host(grad(filled.sum(), x)[0])[:, 1].tolist() == [0.0, 0.0, 0.0]


def test_scatter():
    index, source = np.array([[0, 1], [2, 0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    x, s = tensor(VALUES[:, :, 0], requires_grad=True), tensor(source, requires_grad=True)
    made = x.scatter(1, tensor(index), s)
    expected = VALUES[:, :, 0].copy()
    np.put_along_axis(expected[:2], index, source, 1)
    np.testing.assert_array_equal(host(made), expected)
    gx, gs = grad(made.sum(), (x, s))
    assert host(gs).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert host(gx).sum().item() == 8.0
    value = torch.zeros(2, 3).scatter(1, torch.tensor([[1], [2]]), 5.0)
    assert value.tolist() == [[0.0, 5.0, 0.0], [0.0, 0.0, 5.0]]


def test_scatter_add():
    index, source = np.array([[0, 0, 1], [1, 1, 1]]), np.arange(6.0).reshape(2, 3)
    x, s = torch.zeros(2, 3, dtype=torch.float64).requires_grad_(), tensor(source, requires_grad=True)
    made = x.scatter_add(0, tensor(index), s)
    assert host(made).tolist() == [[0.0, 1.0, 0.0], [3.0, 4.0, 7.0]]
    gx, gs = grad((made * tensor(np.arange(6.0).reshape(2, 3))).sum(), (x, s))
    assert host(gx).tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert host(gs).tolist() == [[0.0, 1.0, 5.0], [3.0, 4.0, 5.0]]


def test_index_put():
    x, v = torch.zeros(3, dtype=torch.float64).requires_grad_(), tensor(np.array([1.0, 2.0, 4.0]), requires_grad=True)
    index = torch.tensor([1, 1, 0])
    made = x.index_put((index,), v, accumulate=True)
    assert host(made).tolist() == [4.0, 3.0, 0.0]
    assert host(grad(made.sum(), v)[0]).tolist() == [1.0, 1.0, 1.0]
    y = torch.zeros(3, dtype=torch.float64)
    y.index_put_((torch.tensor([2]),), torch.tensor(5.0, dtype=torch.float64))
    assert host(y).tolist() == [0.0, 0.0, 5.0]


def test_take_along_dim():
    x = tensor(VALUES[:, :, 0], requires_grad=True)
    order = np.argsort(VALUES[:, :, 0], 1)
    made = torch.take_along_dim(x, tensor(order), 1)
    np.testing.assert_array_equal(host(made), np.sort(VALUES[:, :, 0], 1))
    (g,) = grad(made.sum(), x)
    assert host(g).tolist() == np.ones((3, 4)).tolist()


# --- random keys ---
@st.composite
def keys(draw):
    """(shape, numpy key, whether a place may be read twice): basic parts, and index arrays or masks among them."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    common = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    parts, axis = [], 0
    ellipsis_used = False
    while axis < len(shape):
        n = shape[axis]
        kind = draw(st.sampled_from(["int", "slice", "none", "ellipsis", "array", "stop"]))
        if kind == "stop":
            break
        if kind == "none":
            if len(parts) < 7:
                parts.append(None)
            else:
                break
        elif kind == "ellipsis":
            if ellipsis_used:
                continue
            ellipsis_used = True
            skipped = draw(st.integers(0, len(shape) - axis))
            parts.append((Ellipsis, skipped))
            axis += skipped
        elif kind == "int":
            parts.append(draw(st.integers(-n, n - 1)))
            axis += 1
        elif kind == "slice":
            bound = st.one_of(st.none(), st.integers(-n - 1, n + 1))
            parts.append(slice(draw(bound), draw(bound), draw(st.one_of(st.none(), st.integers(1, 3)))))
            axis += 1
        else:
            seed = draw(st.integers(0, 10**6))
            drawn = np.random.default_rng(seed).integers(-n, n, common)
            parts.append(int(drawn) if drawn.ndim == 0 else drawn)
            axis += 1
    if ellipsis_used:
        # What the Ellipsis stands for follows from the parts around it.
        parts = [Ellipsis if isinstance(p, tuple) else p for p in parts]
    return shape, tuple(parts)


@fixed(300)
@given(keys(), st.integers(0, 10**6))
def test_random_keys_read(case, seed):
    shape, key = case
    values = np.random.default_rng(seed).uniform(-1, 1, shape)
    try:
        where = places(key, shape)
    except IndexError:  # a number where the Ellipsis moved it to a shorter axis
        return
    x = tensor(values, requires_grad=True)
    part = x[to_tensors(key)]
    assert tuple(part.shape) == where.shape
    np.testing.assert_array_equal(host(part), values.reshape(-1)[where])
    weights = np.random.default_rng(seed + 1).uniform(-1, 1, where.shape)
    (g,) = grad(part, x, tensor(weights), allow_unused=True, materialize_grads=True)
    np.testing.assert_allclose(host(g), scattered(weights, where, shape), rtol=1e-13, atol=1e-13)


@fixed(200)
@given(keys(), st.integers(0, 10**6))
def test_random_keys_write(case, seed):
    """Every place gets the same number, so repeated places do not matter."""
    shape, key = case
    values = np.random.default_rng(seed).uniform(-1, 1, shape)
    try:
        where = places(key, shape)
    except IndexError:
        return
    x, value = tensor(values, requires_grad=True), tensor(np.array(0.25), requires_grad=True)
    y = x * 1
    y[to_tensors(key)] = value
    expected = values.copy()
    expected.reshape(-1)[where] = 0.25
    np.testing.assert_array_equal(host(y), expected)
    weights = np.random.default_rng(seed + 1).uniform(-1, 1, shape)
    (gx,) = grad(y, x, tensor(weights))
    kept = weights.copy()
    kept.reshape(-1)[where] = 0.0
    np.testing.assert_allclose(host(gx), kept, rtol=1e-13, atol=1e-13)
