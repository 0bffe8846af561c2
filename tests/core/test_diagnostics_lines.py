"""Errors of a backward say where: which op of the forward pass, which write, which line."""

import os
import re
import subprocess
import sys

import pytest

import plugrad as torch
from plugrad.autograd import Function, detect_anomaly, set_detect_anomaly
from plugrad.autograd.graph import line_of, record_lines
from plugrad.core.recording import Lines, Watchers

pytestmark = pytest.mark.device

HINT = "plugrad.autograd.graph.record_lines() before the forward pass shows the lines."
HERE = re.compile(r"\S*test_diagnostics_lines\.py:\d+")


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def notes_of(program, kind=RuntimeError):
    """The notes of the error that a program ends in; the place of this file is written HERE."""
    with pytest.raises(kind) as caught:
        program()
    return [HERE.sub("HERE", note) for note in getattr(caught.value, "__notes__", [])]


# --- the programs, each wrong ---
def overwrites_a_result():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.add_(1)
    y.sum().backward()


def overwrites_a_parameter():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    loss = (x * w).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    loss.backward()


def overwrites_a_buffer():
    x, scale = leaf(1.0, 2.0), torch.ones(2)
    y = x * scale
    scale.mul_(2)
    y.sum().backward()


def carries_a_state_over():
    w, state = leaf(0.5), torch.ones(1)
    for _ in range(2):
        state = (state * w).tanh()
        state.sum().backward()


def goes_back_twice():
    loss = leaf(1.0).exp().sum()
    loss.backward()
    loss.backward()


def shares_a_trunk():
    trunk = leaf(1.0).exp()
    first, second = trunk.square().sum(), trunk.sin().sum()
    first.backward()
    second.backward()


class Wrong(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        raise LookupError("in a rule")


def fails_in_a_function():
    y = Wrong.apply(leaf(1.0))
    y.sum().backward()


class Overwrites(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


def overwrites_what_a_function_saved():
    x = leaf(1.0) * 1
    y = Overwrites.apply(x)
    x.zero_()
    y.sum().backward()


NOT_RECORDED = "a write that is not recorded"
PROGRAMS = {
    overwrites_a_result: (
        ["saved by ExpBackward0", "changed by AddBackward0"],
        [
            "saved by ExpBackward0 at HERE, in overwrites_a_result: y = x.exp()",
            "changed by AddBackward0 at HERE, in overwrites_a_result: y.add_(1)",
        ],
    ),
    overwrites_a_parameter: (
        [
            "saved by MulBackward0",
            f"changed by {NOT_RECORDED}: an optimizer's step between forward and backward, or a write under no_grad",
        ],
        [
            "saved by MulBackward0 at HERE, in overwrites_a_parameter: loss = (x * w).sum()",
            f"changed by {NOT_RECORDED} at HERE, in overwrites_a_parameter: optimizer.step()",
        ],
    ),
    overwrites_a_buffer: (
        ["saved by MulBackward0", f"changed by {NOT_RECORDED}: it was made under no_grad, or by an optimizer"],
        [
            "saved by MulBackward0 at HERE, in overwrites_a_buffer: y = x * scale",
            f"changed by {NOT_RECORDED} at HERE, in overwrites_a_buffer: scale.mul_(2)",
        ],
    ),
    overwrites_what_a_function_saved: (
        ["saved by OverwritesBackward", "changed by ZeroBackward0"],
        [
            "saved by OverwritesBackward at HERE, in overwrites_what_a_function_saved: y = Overwrites.apply(x)",
            "changed by ZeroBackward0 at HERE, in overwrites_what_a_function_saved: x.zero_()",
        ],
    ),
    carries_a_state_over: (
        [
            "carried over from before the last backward(): the result of TanhBackward0 [1]",
            "used again by MulBackward0",
            "From step to step, cut it off with .detach(); within a step, add the losses up and call backward() once.",
        ],
        [
            "carried over from before the last backward(): the result of TanhBackward0 [1], recorded at HERE, in carries_a_state_over: "
            "state = (state * w).tanh()",
            "used again by MulBackward0, recorded at HERE, in carries_a_state_over: state = (state * w).tanh()",
            "From step to step, cut it off with .detach(); within a step, add the losses up and call backward() once.",
        ],
    ),
    goes_back_twice: (
        ["freed by an earlier backward() of the same result: ExpBackward0"],
        [
            "freed by an earlier backward() of the same result: ExpBackward0, recorded at HERE, in goes_back_twice: "
            "loss = leaf(1.0).exp().sum()"
        ],
    ),
    shares_a_trunk: (
        [
            "freed by the backward() of another result: ExpBackward0, which both depend on",
            "Add the results up and call backward() once, or give the first one retain_graph=True.",
        ],
        [
            "freed by the backward() of another result: ExpBackward0, recorded at HERE, in shares_a_trunk: "
            "trunk = leaf(1.0).exp(), which both depend on",
            "Add the results up and call backward() once, or give the first one retain_graph=True.",
        ],
    ),
    fails_in_a_function: (
        ["in the backward of WrongBackward"],
        ["in the backward of WrongBackward, recorded at HERE, in fails_in_a_function: y = Wrong.apply(leaf(1.0))"],
    ),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_notes_name_the_ops(program):
    kind = LookupError if program is fails_in_a_function else RuntimeError
    assert notes_of(program, kind) == [*PROGRAMS[program][0], HINT]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_notes_show_the_lines_once_they_are_recorded(program):
    kind = LookupError if program is fails_in_a_function else RuntimeError
    with record_lines():
        assert notes_of(program, kind) == PROGRAMS[program][1]


def test_the_message_stays_torchs():
    with pytest.raises(RuntimeError) as caught:
        overwrites_a_result()
    assert str(caught.value).startswith("one of the variables needed for gradient computation has been modified by an")
    assert "saved by" not in str(caught.value)


def test_a_walk_that_succeeds_adds_nothing_to_an_error_around_it():
    def program():
        leaf(1.0).exp().sum().backward()
        raise LookupError

    assert notes_of(program, LookupError) == []


def test_a_second_backward_after_one_that_kept_the_graph():
    loss = leaf(1.0).exp().sum()
    loss.backward(retain_graph=True)
    loss.backward()
    (note, _) = notes_of(loss.backward)
    assert note == "freed by an earlier backward() of the same result: ExpBackward0"


def test_only_what_leads_to_the_freed_node_was_carried_over():
    kept, state = leaf(2.0).exp(), leaf(0.5).tanh()
    state.sum().backward()
    notes = notes_of((kept * state).sum().backward)
    assert notes[0] == "carried over from before the last backward(): the result of TanhBackward0 [1]"


def test_a_write_that_is_not_recorded_after_one_that_is():
    y = leaf(1.0, 2.0).exp()
    y.add_(1)
    with torch.no_grad():
        y.mul_(2)
    assert notes_of(y.sum().backward)[1].startswith("changed by a write that is not recorded")


# --- switching ---
def test_line_of_a_node():
    x = leaf(1.0)
    assert line_of(x.exp().grad_fn) is None
    with record_lines():
        y = x.exp()  # here
    line = line_of(y.grad_fn)
    assert os.path.samefile(line.filename, __file__)
    assert (line.name, line.text) == ("test_line_of_a_node", "y = x.exp()  # here")
    assert str(line).endswith(f":{line.lineno}, in test_line_of_a_node: y = x.exp()  # here")


def test_the_line_is_the_users_below_layers_and_compositions():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    with record_lines():
        out = model(torch.ones(1, 2))
        std = out.std(correction=0)
        joined = torch.cat([std.reshape(1), std.reshape(1)])
    assert line_of(out.grad_fn).text == "out = model(torch.ones(1, 2))"
    assert line_of(std.grad_fn).text == "std = out.std(correction=0)"
    assert line_of(joined.grad_fn).text == "joined = torch.cat([std.reshape(1), std.reshape(1)])"


def test_a_statement_of_several_lines_shows_the_line_of_the_op():
    x = leaf(1.0)
    with record_lines():
        y = (
            x.exp()
            .sin()
        )  # fmt: skip
    assert line_of(y.grad_fn.next_functions[0][0]).lineno <= line_of(y.grad_fn).lineno
    assert "x.exp()" in line_of(y.grad_fn.next_functions[0][0]).text


def test_plain_calls_and_nested_blocks():
    assert not Lines.enabled
    record_lines()
    assert Lines.enabled
    with record_lines(False):
        assert not Lines.enabled
    assert Lines.enabled
    record_lines(False)
    assert not Lines.enabled
    assert Watchers.count == 0


def test_an_error_ends_the_block():
    with pytest.raises(LookupError), record_lines():
        raise LookupError
    assert not Lines.enabled


def test_anomaly_mode_records_lines():
    with pytest.warns(UserWarning, match="Anomaly Detection"), detect_anomaly():
        y = leaf(1.0).exp()
    assert line_of(y.grad_fn).text == "y = leaf(1.0).exp()"
    with set_detect_anomaly(True), record_lines():
        assert Lines.enabled
    assert not Lines.enabled


def test_together_with_hooks_on_saved_tensors():
    x = leaf(1.0, 2.0)
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor)
    with record_lines(), hooks:
        y = x.exp()
    y.sum().backward()
    assert line_of(y.grad_fn).text == "y = x.exp()"
    assert x.grad.allclose(x.detach().exp())


def test_graphs_hold_no_frames():
    kept = torch.ones(1)

    def program():
        local = leaf(1.0)
        return (local * kept).grad_fn.next_functions[0][0]

    import gc
    import weakref

    with record_lines():
        gone = weakref.ref(program().variable)
    gc.collect()
    assert gone() is None


@pytest.mark.cpu
@pytest.mark.parametrize("value", ["1", "0"])
def test_environment_variable(value):
    program = (
        "import plugrad\n"
        "y = plugrad.ones(1, requires_grad=True) * 2\n"
        "print(plugrad.autograd.graph.line_of(y.grad_fn) is not None)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PLUGRAD_LINES": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(value == "1")


@pytest.mark.cpu
def test_importing_plugrad_imports_no_diagnostics():
    program = "import sys, plugrad; print(sorted(m for m in sys.modules if 'diagnostics' in m))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
