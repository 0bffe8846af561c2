"""Deterministic algorithms on the cupy backend: additions and writes at repeated places go by a sort, or it says so."""

import numpy as np
import pytest

import plugrad
from plugrad.backends.determinism import alert
from plugrad.core.device import space
from plugrad_testing import import_plugin, registered

plugin = import_plugin("plugrad_simcuda")
simcupy = plugin.simcupy


@pytest.fixture(scope="module")
def simcuda():
    with registered(*plugin.plugrad_backends()):
        yield space("cuda:0")


@pytest.fixture
def deterministic():
    plugrad.use_deterministic_algorithms(True)
    yield
    plugrad.use_deterministic_algorithms(False)


@pytest.fixture
def no_atomics(monkeypatch):
    """Adding at places, as the library does it in any order, is an error."""

    def at(self, a, *rest):
        raise AssertionError("cupy.add.at was called")

    monkeypatch.setattr(simcupy.ufunc, "at", at)


RNG = np.random.default_rng(0)
ROWS = RNG.integers(0, 4, 9)
KEYS = {
    "rows": (ROWS,),
    "rows of matrices": (ROWS, ...),
    "elements": (ROWS, RNG.integers(0, 3, 9)),
    "columns": (slice(1, 4), RNG.integers(0, 3, 5)),
    "negative": (np.array([-1, 0, -1]),),
    "nothing": (np.array([], int),),
    "slice": (slice(0, 2),),
    "mask": (np.array([True, False, True, True]),),
}


def on_device(xp, key):
    return tuple(xp.from_host(k) if isinstance(k, np.ndarray) else k for k in key)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "float16"])
@pytest.mark.parametrize("name", KEYS)
def test_add_at(simcuda, deterministic, no_atomics, name, dtype):
    key = KEYS[name]
    a = RNG.standard_normal((4, 3)).astype(dtype)
    value = RNG.standard_normal(a[key].shape).astype(dtype)
    found = simcuda.from_host(a.copy())
    simcuda.add_at(found, on_device(simcuda, key), simcuda.from_host(value))
    wide = "complex128" if dtype == "complex64" else "float64"
    expected = a.astype(wide)
    np.add.at(expected, key, value.astype(wide))
    close = 1e-2 if dtype == "float16" else 1e-5
    np.testing.assert_allclose(simcuda.to_host(found), expected.astype(dtype), rtol=close, atol=close)


@pytest.mark.parametrize("name", KEYS)
def test_setitem_keeps_the_last(simcuda, deterministic, name):
    key = KEYS[name]
    a = RNG.standard_normal((4, 3))
    value = RNG.standard_normal(a[key].shape)
    found = simcuda.from_host(a.copy())
    simcuda.setitem(found, on_device(simcuda, key), simcuda.from_host(value))
    a[key] = value
    assert np.array_equal(simcuda.to_host(found), a)


def test_writing_to_repeated_places_goes_by_the_sort(simcuda, deterministic, monkeypatch):
    from plugrad.backends import cupy_backend

    calls = []
    for name in ("set_in_order", "add_in_order"):
        original = getattr(cupy_backend, name)
        monkeypatch.setattr(cupy_backend, name, lambda *a, n=name, f=original: calls.append(n) or f(*a))
    x = plugrad.zeros(3, device="cuda")
    index = plugrad.tensor([0, 0, 2], device="cuda")
    x[index] = plugrad.tensor([1.0, 2.0, 3.0], device="cuda")
    assert x.tolist() == [2.0, 0.0, 3.0]
    x[index] = 7.0  # one value: every order gives the same
    assert calls == ["set_in_order"]
    plugrad.use_deterministic_algorithms(False)
    x[index] = plugrad.tensor([1.0, 1.0, 3.0], device="cuda")
    assert calls == ["set_in_order"]


def gradients():
    weight = plugrad.arange(8.0, device="cuda").reshape(4, 2).requires_grad_()
    index = plugrad.tensor([0, 2, 2, 0, 2], device="cuda")
    rows = plugrad.nn.functional.embedding(index, weight) + weight[index] * 2
    gathered = weight.gather(0, plugrad.tensor([[0, 0], [0, 1]], device="cuda"))
    sums = plugrad.zeros(4, 2, device="cuda").index_add(0, index, rows) ** 2
    (sums.sum() + gathered.sum()).backward()
    return weight.grad.tolist()


def test_gradients_are_those_of_any_order(simcuda, no_atomics, monkeypatch):
    plugrad.use_deterministic_algorithms(True)
    try:
        found = gradients()
    finally:
        plugrad.use_deterministic_algorithms(False)
    with pytest.raises(AssertionError, match=r"cupy\.add\.at was called"):
        gradients()
    monkeypatch.undo()
    assert found == gradients()


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_running_sums_have_no_such_form(simcuda, deterministic, name):
    x = plugrad.tensor([1.0, 2.0], device="cuda")
    with pytest.raises(RuntimeError, match=f"{name}_cuda_kernel does not have a deterministic implementation"):
        getattr(x, name)(0)
    assert getattr(x.long(), name)(0).tolist() == getattr(np, name)([1, 2]).tolist()
    plugrad.use_deterministic_algorithms(True, warn_only=True)
    with pytest.warns(UserWarning, match=f"{name}_cuda_kernel does not have a deterministic implementation"):
        assert getattr(x, name)(0).tolist() == getattr(np, name)([1.0, 2.0]).tolist()


@pytest.mark.oracle
@pytest.mark.parametrize("warn_only", [False, True])
def test_the_words_are_torchs(warn_only):
    torch = pytest.importorskip("torch")
    texts = []
    name = "max_unpooling2d_forward_out"
    places = torch.zeros(1, 1, 2, dtype=torch.int64)
    for library, unfit in (
        (torch, lambda: torch.nn.functional.max_unpool1d(torch.ones(1, 1, 2), places, 2)),
        (plugrad, lambda: alert(name)),
    ):
        library.use_deterministic_algorithms(True, warn_only=warn_only)
        try:
            if warn_only:
                with pytest.warns(UserWarning, match=name) as caught:
                    unfit()
                texts.append(str(caught[0].message).partition(" (Triggered")[0])
            else:
                with pytest.raises(RuntimeError, match=name) as raised:
                    unfit()
                texts.append(str(raised.value))
        finally:
            library.use_deterministic_algorithms(False)
    assert texts[0] == texts[1]


def test_nothing_is_said_unless_asked_for():
    alert("anything")
