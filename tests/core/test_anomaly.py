"""Anomaly mode: NaN found where it arises, and the line of the forward pass that an error in backward comes from."""

import warnings

import pytest

import plugrad as torch
from plugrad.autograd import Function, detect_anomaly, grad, set_detect_anomaly
from plugrad.testing import assert_close

pytestmark = pytest.mark.device

ENABLED = (
    "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging."
)


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def quiet(**options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return detect_anomaly(**options)


class Scaled(Function):
    factor = float("nan")

    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        if Scaled.factor is None:
            raise LookupError("in backward")
        return g * Scaled.factor


def errors_of(call):
    """(the exception of a call, the texts of the warnings it gave)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises((RuntimeError, LookupError)) as error:
            call()
    return error.value, [str(w.message) for w in caught]


def test_warns_when_enabled():
    with pytest.warns(UserWarning, match=ENABLED):
        detect_anomaly()


def test_nan_is_found_at_its_node():
    with quiet():
        y = leaf(0.0, 1.0).sqrt()
        error, _ = errors_of((y * 0).sum().backward)
    assert str(error) == "Function 'SqrtBackward0' returned nan values in its 0th output."


def test_warning_shows_the_line_of_the_forward_pass():
    with quiet():
        y = leaf(0.0, 1.0).sqrt()  # this line is to be shown
        _, texts = errors_of((y * 0).sum().backward)
    (text,) = [t for t in texts if t.startswith("Error detected in")]
    assert text.startswith("Error detected in SqrtBackward0. Traceback of forward call that caused the error:\n")
    assert "this line is to be shown" in text


def test_forward_pass_outside_the_mode():
    y = leaf(0.0, 1.0).sqrt()
    with quiet():
        _, texts = errors_of((y * 0).sum().backward)
    assert any(
        t.startswith(
            "Error detected in SqrtBackward0. No forward pass information available. Enable detect anomaly during forward pass for more "
            "information."
        )
        for t in texts
    )


def test_nan_of_a_custom_function():
    Scaled.factor = float("nan")
    with quiet():
        y = Scaled.apply(leaf(1.0, 2.0))
        error, _ = errors_of(y.sum().backward)
    assert str(error) == "Function 'ScaledBackward' returned nan values in its 0th output."


def test_number_of_the_output():
    with quiet():
        y = torch.ones(2, dtype=torch.float64) * leaf(1.0, 2.0)
        z = torch.full((2,), float("nan"), dtype=torch.float64) * leaf(1.0, 2.0)
        error, _ = errors_of((y + z).sum().backward)
    assert str(error) == "Function 'MulBackward0' returned nan values in its 1th output."


def test_nan_is_let_pass_without_check_nan():
    Scaled.factor = float("nan")
    x = leaf(1.0, 2.0)
    with quiet(check_nan=False):
        Scaled.apply(x).sum().backward()
    assert x.grad.isnan().all()


def test_errors_in_backward_are_located():
    Scaled.factor = None
    with quiet(check_nan=False):
        y = Scaled.apply(leaf(1.0, 2.0))
        error, texts = errors_of(y.sum().backward)
    assert str(error) == "in backward"
    assert any(t.startswith("Error detected in ScaledBackward. Traceback of forward call") for t in texts)


def test_in_place_errors_are_located():
    with quiet():
        weight = torch.ones(2, dtype=torch.float64)
        y = leaf(1.0, 2.0) * weight
        weight.add_(1)
        error, texts = errors_of(y.sum().backward)
    assert "Hint: the backtrace further above shows the operation that failed to compute its gradient." in str(error)
    assert any(t.startswith("Error detected in MulBackward0.") for t in texts)


def test_right_gradients_are_untouched():
    x = leaf(1.0, 2.0)
    with quiet():
        y = x.exp() * 1
        y[0].mul_(2)
        a, b = (y * x).unbind()
        (a * b).backward()
        (g,) = grad((x**3).sum(), x, create_graph=True)
        (second,) = grad(g.sum(), x)
    assert_close(second, 6 * x.detach())
    e = x.detach().exp()
    expected = 2 * e[0] * e[1] * torch.stack([(1 + x[0]) * x[1], x[0] * (1 + x[1])]).detach()
    assert_close(x.grad, expected)


def test_nan_in_a_second_derivative():
    x = leaf(0.0, 1.0)
    with quiet():
        (g,) = grad((x**1.5).sum(), x, create_graph=True)
        error, _ = errors_of(lambda: grad((g * 0).sum(), x))
    assert "returned nan values in its 0th output." in str(error)


def test_set_detect_anomaly():
    assert not torch.is_anomaly_enabled()
    with set_detect_anomaly(True):
        assert torch.is_anomaly_enabled()
        assert torch.is_anomaly_check_nan_enabled()
        with set_detect_anomaly(False):
            assert not torch.is_anomaly_enabled()
        assert torch.is_anomaly_enabled()
    assert not torch.is_anomaly_enabled()
    set_detect_anomaly(True, check_nan=False)
    try:
        assert torch.is_anomaly_enabled()
        assert not torch.is_anomaly_check_nan_enabled()
    finally:
        set_detect_anomaly(False)
    assert not torch.is_anomaly_enabled()


def test_exception_ends_the_mode():
    with pytest.raises(LookupError), quiet():
        raise LookupError
    assert not torch.is_anomaly_enabled()


def test_metadata_holds_the_traceback_only_in_the_mode():
    x = leaf(1.0)
    with quiet():
        inside = (x * 2).grad_fn
    assert any("inside = (x * 2).grad_fn" in line for line in inside.metadata["traceback_"])
    assert "traceback_" not in (x * 2).grad_fn.metadata
