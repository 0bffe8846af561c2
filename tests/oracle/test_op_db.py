"""plugrad over the samples that torch ships for its operators: what passes keeps passing, what falls short is listed.

``op_db_state.json`` holds the present state. A test fails where another operator falls short, and where a listed one
passes: then ``python tests/oracle/run_op_db.py --write`` writes the shorter list.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import plugrad

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch's operator samples need expecttest")
sys.path.append(str(Path(__file__).parent))  # for the runner's own modules

from op_db import checks, compare, exact, report, samples, scope, translate  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

RUNNER = Path(__file__).with_name("run_op_db.py")


# --- the state ---
@pytest.fixture(scope="module")
def found():
    """``{operator: state}`` as it is now, from a process of its own."""
    made = subprocess.run([sys.executable, str(RUNNER), "--json"], capture_output=True, text=True, check=True)
    return report.state(json.loads(made.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("kind", report.RUN)
def test_nothing_else_falls_short(found, kind):
    known = report.falls_short(report.read_state())
    more = {name: found[name][kind] for name, k in report.falls_short(found) - known if k == kind}
    assert more == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", report.RUN)
def test_what_passes_is_no_longer_listed(found, kind):
    fixed = report.falls_short(report.read_state()) - report.falls_short(found)
    assert sorted(name for name, k in fixed if k == kind) == []


@pytest.mark.slow
def test_every_operator_is_compared(found):
    assert [name for name in scope.operators() if "forward" not in found[name]] == []


def test_all_that_falls_short_has_a_reason_in_words():
    assert set(report.read_reasons()) == report.falls_short(report.read_state())


def test_most_agrees():
    """All values and gradients, and 98 % of the second derivatives."""
    states = report.read_state().values()
    passed = {kind: [not found[kind] for found in states if kind in found] for kind in report.RUN}
    assert all(passed["forward"])
    assert all(passed["gradient"])
    assert sum(passed["second"]) >= 0.98 * len(passed["second"])


def test_the_state_is_about_the_scope():
    assert sorted(report.read_state()) == sorted(scope.operators())


def test_missing_modules_are_listed():
    assert report.missing_modules() == report.read_missing_modules()


# --- the scope ---
def test_the_scope_is_whole():
    names = [name for title, text in scope.sections().items() for name in scope.names(text)]
    assert len(names) == len(set(names))
    optimizers = [name for name in scope.modules() if name.startswith("optim.")]
    assert (len(scope.operators()), len(scope.modules()) - len(optimizers), len(optimizers)) == (593, 146, 14)
    assert scope.left_out() == {"nn.functional.silu:complex", "nn.functional.batch_norm:without_cudnn"}


# --- the runner finds what is wrong ---
def short(monkeypatch, name, wrong):
    """The kinds that fall short when plugrad's function is another one."""
    monkeypatch.setattr(plugrad, name, wrong)
    monkeypatch.setattr(report, "INFOS", report.infos())
    _, made = report.run_operator(name)
    return {kind for kind, result in made.items() if result["failed"]}, made


def test_a_wrong_value_is_found(monkeypatch):
    kinds, made = short(monkeypatch, "sin", plugrad.cos)
    assert {"forward", "gradient", "second", "jvp"} <= kinds
    assert any(reason.startswith("wrong value") for reason in made["forward"]["reasons"])
    assert made["forward"]["dtypes"] == []


def test_a_wrong_derivative_is_found(monkeypatch):
    right = plugrad.sin
    kinds, _ = short(monkeypatch, "sin", lambda x, **kwargs: right(x.detach(), **kwargs) + 0 * x)
    assert kinds >= {"gradient", "second", "jvp"}
    assert "forward" not in kinds


def test_a_lost_gradient_is_found(monkeypatch):
    right = plugrad.sin
    kinds, made = short(monkeypatch, "sin", lambda *args, **kwargs: right(*args, **kwargs).detach())
    assert kinds >= {"gradient", "second", "jvp"}
    assert "forward" not in kinds
    assert list(made["gradient"]["reasons"]) == ["no output requires a gradient"]


def test_a_wrong_dtype_is_found(monkeypatch):
    right = plugrad.sin
    _, made = short(monkeypatch, "sin", lambda x, **kwargs: right(x, **kwargs).to(plugrad.float64))
    assert made["forward"]["dtypes"] == ["float64"]
    assert "wrong dtype" in made["forward"]["reasons"]


def test_torchs_own_error_does_not_count(monkeypatch):
    """In single precision ours is judged by torch's double precision where torch's single precision is off."""
    right = torch.sin
    x = torch.linspace(-3.0, 3.0, 7)
    off = right(x) * (1 + 1e-4)
    assert exact.agree(plugrad.sin(plugrad.from_numpy(x.numpy())), off, right, ((x,), {})) is True
    with pytest.raises(compare.Difference):
        exact.agree(plugrad.from_numpy(off.numpy()), right(x), right, ((x,), {}))


def test_a_missing_name_is_told(monkeypatch):
    monkeypatch.delattr(plugrad, "sin")
    monkeypatch.setattr(report, "INFOS", report.infos())
    _, made = report.run_operator("sin")
    assert list(made["forward"]["reasons"]) == ["missing name: no sin"]


def test_a_missing_error_is_found(monkeypatch):
    monkeypatch.setattr(plugrad, "is_complex", lambda x: str(getattr(x, "dtype", "")).startswith("torch.complex"))
    monkeypatch.setattr(report, "INFOS", report.infos())
    _, made = report.run_operator("is_complex")
    assert not made["forward"]["failed"]
    assert any(reason.startswith("no error, torch raises TypeError") for reason in made["errors"]["reasons"])


# --- its parts ---
def test_tensors_keep_their_strides_and_share_memory():
    whole = torch.arange(12.0)
    translation = translate.Translation()
    a, b = translation.value((whole[2:8:2], whole[4:].view(2, 4).t()))
    assert a.tolist() == [2.0, 4.0, 6.0]
    assert a.stride() == (2,)
    assert b.stride() == (1, 4)
    a[1] = 99.0
    assert b[0, 0].item() == 99.0
    assert whole[4].item() == 4.0


def test_the_memory_of_a_conjugated_view_is_its_own():
    # Each is resolved into a tensor of a moment, whose address the next one may get.
    made = [torch.randn(5, 10, 5, dtype=torch.complex128).mH for _ in range(20)]
    translation = translate.Translation()
    ours = translation.value(made)
    assert len(translation.storages) == len(made)
    for a, b in zip(ours, made, strict=True):
        compare.same(a, b)


def test_a_tensor_given_twice_is_one_tensor():
    x = torch.ones(2)
    a, b = translate.Translation().value([x, x])
    assert a is b


def test_functions_of_samples_speak_of_plugrad():
    def sample(x, dtype=torch.float64):
        return [torch.zeros(2, dtype=dtype), x]

    sample.__module__ = "op_db.extra"
    made, x = translate.function(sample)(3)
    assert made.dtype is plugrad.float64
    assert isinstance(made, plugrad.Tensor)
    assert x == 3


def test_an_unknown_name_is_no_silent_torch():
    with pytest.raises(translate.MissingName, match="sparse_coo_tensor"):
        translate.function(torch.sparse_coo_tensor)


DIFFERENT = {
    "shape": (lambda: plugrad.ones(2), lambda: torch.ones(3), "wrong shape"),
    "dtype": (lambda: plugrad.ones(2), lambda: torch.ones(2, dtype=torch.float64), "wrong dtype"),
    "value": (lambda: plugrad.ones(2), lambda: torch.tensor([1.0, 1.1]), "wrong value"),
    "nan": (lambda: plugrad.ones(2), lambda: torch.tensor([1.0, np.nan]), "wrong value"),
    "tuple": (lambda: (plugrad.ones(2),), lambda: torch.ones(2), "gives a tensor"),
    "length": (lambda: (plugrad.ones(2),), lambda: (torch.ones(2), torch.ones(2)), "1 results"),
    "fields": (lambda: (plugrad.ones(2), plugrad.ones(2)), lambda: torch.ones(2).sort(), "no field"),
    "number": (lambda: 1, lambda: True, "a int, torch a bool"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_differences_are_told(name):
    ours, theirs, reason = DIFFERENT[name]
    with pytest.raises(compare.Difference, match=reason):
        compare.same(ours(), theirs())


def test_like_results_are_the_same():
    compare.same((plugrad.ones(2), 3), (torch.ones(2) + 1e-7, 3))
    compare.same(plugrad.ones(2), torch.zeros(2), values=False)


def test_samples_are_spread():
    assert samples.spread(range(100), 4) == [0, 33, 66, 99]
    assert samples.spread(range(3), 4) == [0, 1, 2]


def test_a_slow_check_ends():
    tally = checks.Tally()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "SECONDS", 1)
        report.run_check(tally, lambda: [None for _ in iter(int, 1)])
    assert list(tally.reasons) == ["longer than 1 s"]
