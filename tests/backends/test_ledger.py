"""The ledger: where a backend's functions come from, and that nothing goes over the host unless the user asked for it."""

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import plugrad
import plugrad_op_checks as checks
from plugrad.backends import Backend, BackendSpec, host_fallback, ledger, registry
from plugrad.backends.host import Lacking, State
from plugrad.backends.numpy_backend import NumpyBackend
from plugrad.core.device import space
from plugrad_call_ledger import calls, ledger_of_rows, written
from plugrad_testing import assert_close, import_plugin, on, registered

PINNED = Path(__file__).with_suffix(".json")


# --- the strict backend ---
@pytest.fixture
def strict():
    """Its namespace, whether or not the plugin is installed."""
    pytest.importorskip("array_api_strict")
    (spec,) = import_plugin("plugrad_strict").plugrad_backends()
    known = "strict" in registry.available_backends()
    with contextlib.nullcontext() if known else registered(spec):
        yield space("strict")


@pytest.mark.rows
def test_the_ledger_of_all_rows_is_the_pinned_one(strict, capsys):
    """Every sample of every row, forward and backward. Where this is meant to change, PLUGRAD_PIN_LEDGER=1 writes the file."""
    before = Counter(State.counts)
    found = ledger_of_rows(checks.all_rows(), checks.load_tables()[0], strict)
    with capsys.disabled():
        print(f"\n{ledger('strict')}\n  ops for which the host looks at values: {', '.join(found['looks at values'])}")
    if os.environ.get("PLUGRAD_PIN_LEDGER"):
        PINNED.write_text(written(found))
    assert found == json.loads(PINNED.read_text())
    assert found["lacking"] == []
    assert before == State.counts


def test_the_static_ledger_holds_what_the_rows_use(strict):
    pinned, found = json.loads(PINNED.read_text()), ledger("strict")
    for kind in ("native", "composed"):
        assert set(pinned[kind]) <= set(getattr(found, kind))
    assert found.lacking == ["view_dtype"]
    assert found.host == {}


def test_noted_calls_leave_the_namespace_as_it_was():
    xp = space("cpu")
    before = dict(vars(xp))
    with calls(xp) as seen:
        (plugrad.ones(3, device="cpu") * 2).softmax(0)
    assert {"multiply", "softmax"} <= seen.direct
    assert vars(xp) == before


# --- what is read off a class ---
def test_numpys_ledger():
    found = ledger("cpu")
    assert found.lacking == []
    assert {"exp", "add", "linear", "linalg.svd"} <= set(found.native)
    assert {"erfc", "written", "lerp"} <= set(found.composed)
    assert not set(found.native) & set(found.composed)
    assert {"adopt", "array_type", "float64"}.isdisjoint(found.native)


# --- a deliberately poor backend ---
class PoorArray:
    """An array that only its own library reads: numpy finds no way to it."""

    __array__ = None
    __hash__ = object.__hash__

    def __init__(self, host):
        self.host = np.asarray(host)

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)


def forward_operators():
    names = "add sub mul truediv pow neg lt le gt ge eq ne and or xor invert"
    for name in [f"__{n}__" for n in names.split()] + ["__radd__", "__rsub__", "__rmul__", "__rtruediv__"]:

        def method(self, *others, name=name):
            return PoorArray(getattr(self.host, name)(*map(bare, others)))

        setattr(PoorArray, name, method)


forward_operators()


def bare(value):
    if isinstance(value, PoorArray):
        return value.host
    if isinstance(value, (tuple, list)):
        return type(value)(map(bare, value))
    return value


def poor_class(*lacks):
    """A backend with the required functions but those, no linalg, and nothing else of its own."""

    class Poor(Backend):
        """Every array function through PoorArray."""

        array_type = PoorArray
        complex128, complex64 = NumpyBackend.complex128, NumpyBackend.complex64

        @staticmethod
        def from_host(array):
            return PoorArray(array)

        @staticmethod
        def to_host(a):
            return a.host

        @staticmethod
        def setitem(a, key, value):
            a.host[bare(key)] = bare(value)

        @staticmethod
        def device_count():
            return 1

    for name in " ".join(plugrad.backends.REQUIRED.values()).split():
        found = getattr(NumpyBackend, name)
        if name in lacks or name in vars(Poor):
            continue
        if isinstance(found, np.dtype):
            setattr(Poor, name, found)
            continue

        def function(self, *arguments, name=name):
            made = getattr(space("cpu"), name)(*map(bare, arguments))
            return PoorArray(made) if isinstance(made, (np.ndarray, np.generic)) else made

        setattr(Poor, name, function)
    return Poor


@contextlib.contextmanager
def poor(*lacks):
    """Have the device type ``poor``."""
    kind = poor_class(*lacks)
    with registered(BackendSpec("poor", ("poor",), lambda: kind)):
        yield
    assert not State.on


def test_what_is_lacking_is_an_error_that_names_the_ways_out():
    with poor():
        assert ledger("poor").lacking == [
            "imag", "nonzero", "real", "view_dtype", "linalg.eig", "linalg.eigh", "linalg.eigvals", "linalg.eigvalsh", "linalg.qr",
            "linalg.svd", "linalg.svdvals",
        ]  # fmt: skip
        t = on(np.array([1.0, 0.0]), "poor")
        for call, name in ((lambda: t.nonzero(), "nonzero"), (lambda: t.reshape(1, 2).svd(), "linalg.svd")):
            with pytest.raises(NotImplementedError) as caught:
                call()
            text = str(caught.value)
            assert f"{name}: backend 'poor' has no such function and no composition of it" in text
            for way in (
                f"give its namespace class a method '{name}'",
                "move the tensor to the cpu",
                "host_fallback(True)",
            ):
                assert way in text
        assert ledger("poor").host == {}
        with pytest.raises(
            NotImplementedError, match=r"real: not available on backend 'poor' for \(1,\) torch.complex128: real"
        ):
            on(np.array([1j]), "poor").real  # noqa: B018


def test_compositions_need_no_host():
    with poor():
        x = on(np.linspace(-2, 2, 12).reshape(3, 4), "poor", requires_grad=True)
        loss = plugrad.nn.functional.gelu(x).softmax(1).logsumexp(0).sum() + x.std() + x.cumsum(1).erf().sum()
        loss.backward()
        assert ledger("poor").host == {}
        assert isinstance(x.grad._a, PoorArray)


def test_what_goes_over_the_host_is_counted_by_name():
    with poor():
        t = on(np.array([[3.0, 0.0], [0.0, 2.0]]), "poor", requires_grad=True)
        before = Counter(State.counts)
        with host_fallback() as used:
            places = t.detach().nonzero()
            assert isinstance(places._a, PoorArray)
            assert places.tolist() == [[0, 0], [1, 1]]
            s = plugrad.linalg.svd(t)[1]
            assert_close(s, np.array([3.0, 2.0]), device="poor")
            s.sum().backward()
            z = on(np.array([1 + 2j]), "poor")
            assert (z.real + z.imag).tolist() == [3.0]
        assert used.counts == {
            ("poor", "nonzero"): 1,
            ("poor", "linalg.svd"): 1,
            ("poor", "real"): 1,
            ("poor", "imag"): 1,
        }
        added = Counter(ledger("poor").host) - Counter({n: c for (_, n), c in before.items()})
        assert added == {"nonzero": 1, "linalg.svd": 1, "real": 1, "imag": 1}
        assert "over the host (" in str(ledger("poor"))
        assert "    nonzero " in str(ledger("poor"))
        assert_close(t.grad, np.eye(2), device="poor", atol=1e-15)
        with pytest.raises(NotImplementedError, match="nonzero: backend 'poor' has no such function"):
            t.detach().nonzero()


def test_required_functions_may_be_lacking_while_it_is_on():
    with poor("sinh", "matmul", "add_at", "sort"):
        with pytest.raises(RuntimeError, match=r"lacks 4 required name\(s\): sinh, matmul, add_at, sort"):
            plugrad.ones(1, device="poor")
        with host_fallback() as used:
            x = on(np.array([[0.5, -1.0], [2.0, 0.25]]), "poor", requires_grad=True)
            y = (x.sinh() @ x)[[0, 0, 1]].sort()[0]
            y.sum().backward()
            host = np.array([[0.5, -1.0], [2.0, 0.25]])
            assert_close(y.detach(), np.sort((np.sinh(host) @ host)[[0, 0, 1]]), device="poor")
            reference = on(host, "cpu", requires_grad=True)
            (reference.sinh() @ reference)[[0, 0, 1]].sort()[0].sum().backward()
            assert_close(x.grad, reference.grad._host(), device="poor", rtol=1e-14)
        counted = {name: n for (_, name), n in used.counts.items()}
        assert counted["sinh"] == 1
        assert counted["matmul"] == 3
        assert counted["add_at"] == 2
        assert set(counted) == {"sinh", "matmul", "add_at"}  # sort() is made of argsort
        assert "sort" in ledger("poor").lacking
        with pytest.raises(NotImplementedError, match=r"sinh: .*sinh: backend 'poor' has no such function"):
            x.sinh()


def test_what_makes_arrays_can_not_be_lacking():
    with (
        poor("getitem", "sinh"),
        host_fallback(),
        pytest.raises(RuntimeError, match=r"lacks 2 required name\(s\): sinh, getitem"),
    ):
        plugrad.ones(1, device="poor")


def test_the_switch():
    assert not State.on
    switch = host_fallback(True)
    assert State.on
    with host_fallback(False):
        assert not State.on
    assert State.on
    switch.__exit__()
    assert not State.on
    assert issubclass(Lacking, NotImplementedError)


# --- what it costs ---
def test_a_namespace_class_has_no_getattr():
    """Python looks attributes up more slowly where a class has one, whether or not it is called."""
    assert not hasattr(NumpyBackend, "__getattr__")
    assert NumpyBackend.__getattribute__ is object.__getattribute__


# --- on request ---
def test_printed_on_request():
    text = subprocess.run(
        [sys.executable, "-m", "plugrad", "--ledger", "cpu"], capture_output=True, text=True, check=True
    ).stdout
    assert text.startswith("backend numpy\n  native (")
    assert "lacking (0)" in text
    assert text.rstrip().endswith("over the host (0 calls)")
