"""The op table notices a wrong backend: each mutant of the numpy backend has one fault, and some check must fail on it."""

import numpy as np
import pytest

import plugrad_op_checks as checks
from plugrad.backends import BackendSpec
from plugrad.backends.numpy_backend import NumpyBackend
from plugrad_testing import registered

ROWS = checks.all_rows()
SAMPLES, REFERENCES, _ = checks.load_tables()


class SumOverTheWrongAxis(NumpyBackend):
    """sum over axis 0 whatever was asked for."""

    @staticmethod
    def sum(a, axis, keepdims):
        return NumpyBackend.sum(a, (0,) if axis is not None and a.ndim else axis, keepdims)


class KeepdimsForgotten(NumpyBackend):
    """max never keeps the reduced axes."""

    @staticmethod
    def max(a, axis, keepdims):
        return np.max(a, axis)


class MaximumSwapped(NumpyBackend):
    """maximum gives the smaller one."""

    maximum = np.minimum


class AddAtOverwrites(NumpyBackend):
    """add_at adds once where an index occurs twice."""

    @staticmethod
    def add_at(a, key, value):
        a[key] += value


class UnstableSort(NumpyBackend):
    """argsort turns equal elements round."""

    @staticmethod
    def argsort(a, axis):
        return a.shape[axis] - 1 - np.argsort(np.flip(a, axis), axis, kind="stable")


class WhereSwapped(NumpyBackend):
    """choose takes the wrong branch."""

    @staticmethod
    def choose(x, y, condition):
        return np.where(condition, y, x)


class SinglePrecisionExp(NumpyBackend):
    """exp has but seven digits. (An answer in a wider dtype would be cast back by core: that is no fault.)"""

    @staticmethod
    def exp(x):
        return np.exp(x.astype("complex64" if x.dtype.kind == "c" else "float32")).astype(x.dtype)


class SinglePrecision(NumpyBackend):
    """log has but seven digits."""

    @staticmethod
    def log(x):
        return np.log(x.astype("complex64" if x.dtype.kind == "c" else "float32")).astype(x.dtype)


class HalfAway(NumpyBackend):
    """erf by a formula good to 5 digits."""

    @staticmethod
    def erf(x):
        return np.tanh(x * (2 / np.pi**0.5) * (1 + 0.08943 * x * x))


class FlipIgnoresAxes(NumpyBackend):
    """flip turns the last axis only."""

    @staticmethod
    def flip(a, axes):
        return a[..., ::-1] if a.ndim else a


class WritesIntoItsInput(NumpyBackend):
    """sigmoid uses its argument as scratch memory."""

    @staticmethod
    def sigmoid(x):
        np.negative(x, x)
        return 1 / (1 + np.exp(x))


class ReadsMemoryInOrder(NumpyBackend):
    """tanh takes the elements as they lie in memory."""

    @staticmethod
    def tanh(x):
        return np.asarray(np.tanh(x).ravel(order="K").reshape(x.shape))


class WrongGradient(NumpyBackend):
    """The fused gradient of gelu lacks the density term."""

    def gelu_grad(self, g, x):
        return g * 0.5 * (self.erf(x * 0.5**0.5) + 1.0)


class OnlyFirstOrder(NumpyBackend):
    """The fused gradient of softmax is right at one point of the cotangent: it forgets the sum's weight."""

    def softmax_grad(self, g, out, axis):
        return g * out - out * out * self.sum(g, axis, True)


class BoolsAsNumbers(NumpyBackend):
    """Comparison answers in the dtype of its arguments."""

    @staticmethod
    def less(x, y):
        return np.less(x, y).astype(getattr(x, "dtype", float))


class FloorsTowardZero(NumpyBackend):
    """floor is trunc."""

    floor = np.trunc


class CumulativeFromTheEnd(NumpyBackend):
    """cumulative_sum runs backwards."""

    @staticmethod
    def cumulative_sum(a, axis):
        return np.flip(np.cumsum(np.flip(a, axis), axis), axis)


class EmptyIsAnError(NumpyBackend):
    """matmul refuses empty matrices."""

    @staticmethod
    def matmul(x, y):
        if 0 in x.shape or 0 in y.shape:
            raise ValueError("empty")
        return np.matmul(x, y)


class ScalarsForArrays(NumpyBackend):
    """wrap forgets to make arrays of numpy's scalars."""

    wrap = staticmethod(lambda value: value)


MUTANTS = [
    m for m in list(globals().values()) if isinstance(m, type) and issubclass(m, NumpyBackend) and m is not NumpyBackend
]


def checks_of(row, reference):
    """The checks of a row by name, each a function of a case."""
    listed = {
        "forward": lambda case: checks.check_forward(case, reference),
        "single": lambda case: checks.check_single_precision(case, keeps_dtype=row.name not in ("cast_", "converted_")),
        "inputs": checks.check_leaves_inputs_alone,
    }
    if row.name != "view_":
        listed["scattered"] = checks.check_scattered
    if row.is_differentiable:
        listed |= {"first": checks.check_first_order, "second": checks.check_second_order}
    return listed


def fails(check, name, i, device):
    try:
        check(checks.Case(ROWS[name], SAMPLES[name][i], device, seed=i))
    except Exception:
        return True
    return False


def first_fault(device, sound):
    """The first check that fails on a device and not on a sound one, as (row, sample, check); None: there is none."""
    for name, row in ROWS.items():
        for i, sample in enumerate(SAMPLES[name]):
            smooth = any(checks.Case(row, sample, sound, seed=i).differentiable())
            for title, check in checks_of(row, REFERENCES.get(name)).items():
                if title in ("first", "second") and not smooth:
                    continue
                if fails(check, name, i, device) and not fails(check, name, i, sound):
                    return name, i, title
    return None


class Unchanged(NumpyBackend):
    """No fault."""


def spec(name, backend):
    return BackendSpec(name, (name,), lambda: backend)


@pytest.mark.cpu
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_a_wrong_backend_is_noticed(mutant):
    with registered(spec("mutant", mutant), spec("unchanged", Unchanged)):
        assert first_fault("mutant", "unchanged") is not None


@pytest.mark.cpu
def test_a_right_backend_passes():
    with registered(spec("unchanged", Unchanged)):
        assert first_fault("unchanged", "cpu") is None
