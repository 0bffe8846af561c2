"""check_function: right Functions pass, and each kind of mistake is found and called by its name."""

import pytest

import plugrad as torch
from plugrad.autograd import Function, check_function
from plugrad.autograd.function import once_differentiable
from plugrad.core.check_function import FunctionCheckError
from plugrad.core.gradcheck import GradcheckError

pytestmark = pytest.mark.device


def op(forward, backward):
    """A Function that saves its arguments; backward(ctx, g, *arguments)."""

    class Op(Function):
        @staticmethod
        def forward(ctx, *args):
            ctx.save_for_backward(*args)
            return forward(*args)

        @staticmethod
        def backward(ctx, g):
            return backward(ctx, g, *ctx.saved_tensors)

    return Op


def square(backward):
    return op(lambda x: x**2, backward)


def positive(*shape):
    torch.manual_seed(0)
    return torch.rand(*shape) + 0.3


def findings(function, *inputs):
    report = check_function(function, inputs, raise_exception=False)
    assert report.ok == (not report.findings)
    return [str(f) for f in report.findings]


def found(function, *inputs):
    """The first finding."""
    return findings(function, *inputs)[0]


# --- right ones ---
class Linear(Function):
    """The tutorial's, without ctx in forward."""

    @staticmethod
    def forward(x, weight, bias):
        return x.mm(weight.t()) + bias

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        x, weight, _ = ctx.saved_tensors
        need = ctx.needs_input_grad
        return g.mm(weight) if need[0] else None, g.t().mm(x) if need[1] else None, g.sum(0) if need[2] else None


class Times(Function):
    """An argument that is no tensor, two outputs, one of them an index."""

    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        ctx.save_for_backward(x)
        return x * factor, x.exp(), (x > 0.5).long()

    @staticmethod
    def backward(ctx, g, h, _):
        return g * ctx.factor + h * ctx.saved_tensors[0].exp(), None


class Dropout(Function):
    @staticmethod
    def forward(ctx, x):
        mask = (torch.rand(x.shape, device=x.device) > 0.5).to(x.dtype)
        ctx.save_for_backward(mask)
        return x * mask

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


class Tripled(Function):
    """In place."""

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(3)

    @staticmethod
    def backward(ctx, g):
        return g * 3


class Holomorphic(Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx, g):
        return g * 2 * ctx.saved_tensors[0].conj()


RIGHT = {
    "square": (square(lambda ctx, g, x: g * 2 * x), lambda: (positive(2, 3),)),
    "product": (op(lambda x, y: x * y, lambda ctx, g, x, y: (g * y, g * x)), lambda: (positive(2, 3), positive(2, 3))),
    "linear": (Linear, lambda: (positive(2, 3), positive(4, 3), positive(4))),
    "arguments and outputs": (Times, lambda: (positive(3), 2.0)),
    "dropout": (Dropout, lambda: (positive(6),)),
    "in place": (Tripled, lambda: (positive(2, 2),)),
    "complex": (Holomorphic, lambda: (torch.tensor([1 + 2j, 0.5 - 1j]),)),
    "no dimensions": (square(lambda ctx, g, x: g * 2 * x), lambda: (torch.tensor(2.0),)),
    "no elements": (square(lambda ctx, g, x: g * 2 * x), lambda: (torch.rand(0, 3),)),
    "linear in one": (
        op(
            lambda x, y: x.sum() * 0 + x[0] * y**2,
            lambda ctx, g, x, y: (torch.eye(3, dtype=g.dtype, device=g.device)[0] * (g * y**2).sum(), g * 2 * x[0] * y),
        ),
        lambda: (positive(3), positive(3)),
    ),
    "constant in one": (
        op(lambda x, y: x + y**3, lambda ctx, g, x, y: (g, g * 3 * y**2)),
        lambda: (positive(3), positive(3)),
    ),
    "unreduced": (op(lambda x, b: x + b, lambda ctx, g, x, b: (g, g)), lambda: (positive(2, 3), positive(3))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_functions(name):
    function, inputs = RIGHT[name]
    report = check_function(function, inputs())
    assert report.ok
    assert {"runs", "gradient", "differences", "second derivative", "in-place", "memory"} <= set(report.passed)
    assert str(report).startswith(f"{function.__name__}: all checks passed\n")


# --- what a mistake looks like ---
def two(backward, forward=lambda x, y: x * y):
    return op(forward, backward), positive(3, 3), positive(3, 3) * 2


def biased(backward):
    return op(lambda x, b: x + b, backward), positive(3, 3), positive(3)


MISTAKES = {
    "half": (
        lambda: (square(lambda ctx, g, x: g * x), positive(3)),
        "gradient: input 0: it looks like a constant factor: backward's gradient = 0.5 · the engine's",
    ),
    "sign": (
        lambda: (square(lambda ctx, g, x: -2 * g * x), positive(3)),
        "gradient: input 0: it looks like a wrong sign",
    ),
    "grad_output": (
        lambda: (square(lambda ctx, g, x: 2 * x), positive(3)),
        "gradient: input 0: the result does not change with grad_output: multiply by it",
    ),
    "zero": (
        lambda: (square(lambda ctx, g, x: g * 0), positive(3)),
        "gradient: input 0: backward's gradient is zero everywhere",
    ),
    "none": (
        lambda: (square(lambda ctx, g, x: None), positive(3)),
        "gradient: input 0: backward's gradient is zero everywhere",
    ),
    "not a number": (
        lambda: (square(lambda ctx, g, x: g * 2 * x * float("nan")), positive(3)),
        "gradient: input 0: backward's gradient has NaN",
    ),
    "partly zero": (
        lambda: (square(lambda ctx, g, x: g * 2 * x * (x > 0.7)), torch.tensor([0.5, 1.0, 2.0])),
        "gradient: input 0: 1 of 3 entries are zero where they should not be, the others are right",
    ),
    "order": (
        lambda: two(lambda ctx, g, x, y: (g * x, g * y)),
        "gradient: the gradients of inputs 0 and 1 are exchanged: return them in the order of forward's arguments",
    ),
    "transposed": (
        lambda: two(lambda ctx, g, x, y: (y @ g.t(), x.t() @ g), lambda x, y: x @ y),
        "gradient: input 0: it looks transposed",
    ),
    "shape of the transpose": (
        lambda: (op(lambda x: x.t() * 2, lambda ctx, g, x: g * 2), positive(2, 3)),
        "runs: RuntimeError: Function OpBackward returned an invalid gradient at index 0 - got [3, 2]",
    ),
    "no sum": (
        lambda: biased(lambda ctx, g, x, b: (g, g[0])),
        "gradient: input 1: the sum over axis 0 of the output is missing, along which forward broadcasts the input",
    ),
    "other sum": (
        lambda: biased(lambda ctx, g, x, b: (g, g.sum(1))),
        "gradient: input 1: summed over axes [1] of the output, but forward broadcasts the input along [0]",
    ),
    "mean": (
        lambda: biased(lambda ctx, g, x, b: (g, g.mean(0))),
        "gradient: input 1: it looks like a constant factor: backward's gradient = 0.333333 · the engine's",
    ),
    "conj": (
        lambda: (square(lambda ctx, g, x: g * 2 * x), torch.tensor([1 + 2j, 0.5 - 1j])),
        "gradient: input 0: it looks conjugated",
    ),
    "formula": (
        lambda: (square(lambda ctx, g, x: g * (2 * x + x.sin())), positive(3)),
        "gradient: input 0: no simple pattern: check the formula",
    ),
    "no dependence": (
        lambda: (op(lambda x: x.round(), lambda ctx, g, x: g), positive(3)),
        "gradient: input 0: forward, as the engine sees it, does not depend on this input",
    ),
    "single precision": (
        lambda: (square(lambda ctx, g, x: g * 2 * x * (1 if x.dtype is torch.float64 else 1.1)), positive(3)),
        "gradient: in float32 only: input 0: it looks like a constant factor",
    ),
    "only the second derivative": (
        lambda: (square(lambda ctx, g, x: g * 2 * x.detach()), positive(3)),
        "second derivative: the first derivative is right, but not the second, by input 0: zero, where the engine finds one",
    ),
    "count": (
        lambda: (op(lambda x, y: x * y, lambda ctx, g, x, y: g * y), positive(2), positive(2)),
        "runs: RuntimeError: function OpBackward returned an incorrect number of gradients (expected 2, got 1)",
    ),
    "gradient for a number": (
        lambda: (type("Op", (Times,), {"backward": staticmethod(lambda ctx, g, h, _: (g, g))}), positive(2), 2.0),
        "runs: RuntimeError: function OpBackward returned a gradient different than None at position 2",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    make, text = MISTAKES[name]
    function, *inputs = make()
    assert found(function, *inputs).startswith(text)


def test_a_wrong_gradient_is_told_once():
    assert len(findings(square(lambda ctx, g, x: g * x), positive(3))) == 1


def test_shapes_are_explained():
    function = op(lambda x, y: x @ y, lambda ctx, g, x, y: (x.t() @ g, g @ y.t()))
    assert findings(function, positive(2, 3), positive(3, 4))[1:] == [
        "runs: input 0: the gradient has the shape of input 1: are they in another order?",
        "runs: input 1: the gradient has the shape of input 0: are they in another order?",
    ]


# --- around the derivative ---
def test_an_intermediate_on_ctx():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.square = x * x
            return x * ctx.square

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.square

    assert found(Cube, positive(3)).startswith(
        "second derivative: Cube: the derivative of this backward depends on ctx.square"
    )


class KeepsOutput(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.result = x.exp()
        return ctx.result

    @staticmethod
    def backward(ctx, g):
        return g * ctx.result


class KeepsInput(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return x**2

    @staticmethod
    def backward(ctx, g):
        return g * 2 * ctx.x


def test_an_output_on_ctx():
    first, second = findings(KeepsOutput, positive(3))
    assert first.startswith("in-place: output 0 was written to after forward, and backward used it without a word")
    assert second.startswith("memory: ctx outlives its outputs")


def test_an_input_on_ctx():
    (only,) = findings(KeepsInput, positive(3))
    assert only.startswith("in-place: input 0 was written to after forward, and backward used it without a word")


def test_ctx_that_counts():
    class Worn(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.times = 0
            return x * 1

        @staticmethod
        def backward(ctx, g):
            ctx.times += 1
            return g * ctx.times

    names = [f.split(":")[0] for f in findings(Worn, positive(3))]
    assert "retain_graph" in names


def test_a_random_stream_of_its_own():
    stream = torch.Generator()

    class Noise(Function):
        @staticmethod
        def forward(ctx, x):
            return x + torch.rand(x.shape, generator=stream).to(device=x.device, dtype=x.dtype)

        @staticmethod
        def backward(ctx, g):
            return g

    assert any(f.startswith("determinism: output 0: two runs of forward differ") for f in findings(Noise, positive(3)))


def test_outputs_that_are_not_used():
    class Pair(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            return a * 2 + b * 3

    texts = [f for f in findings(Pair, positive(3)) if f.startswith("unused output")]
    assert len(texts) == 2
    assert texts[0].startswith("unused output: only output 0 used: backward raised TypeError")
    assert "after set_materialize_grads(False) the gradients of the others are None" in texts[0]


def test_needs_input_grad():
    plain = check_function(RIGHT["product"][0], (positive(2), positive(2)))
    assert str(plain.notes[0]).startswith(
        "needs_input_grad: gradients are computed also where ctx.needs_input_grad says"
    )

    def forgetful(ctx, g, x, y):
        both = all(ctx.needs_input_grad)
        return g * y, g * x * (1 if both else 2)

    texts = findings(op(lambda x, y: x * y, forgetful), positive(2), positive(2))
    assert texts[0] == "needs_input_grad: input 1: another gradient when no other input needs one"


def test_inputs_that_forward_broadcasts():
    """Right for equal shapes, wrong for others: the engine sums, unless backward sums wrongly itself."""

    def backward(ctx, g, x, y):
        return g * y if x.shape == g.shape else (g * y)[:1], g * x

    text = found(op(lambda x, y: x * y, backward), positive(2, 3), positive(2, 3))
    assert text.startswith("broadcasting: input 0 of shape [1, 3]: input 0: wrong where forward broadcasts the input")


def test_no_dimensions():
    function = square(lambda ctx, g, x: g * 2 * x * (1 if x.dim() else 3))
    assert found(function, positive(3)).startswith("0-dim: 0-dim input: input 0: it looks like a constant factor")


def test_non_contiguous_grad_outputs():
    def backward(ctx, g, x):
        return g * 2 * x * (1 if g.is_contiguous() else 2)

    report = check_function(square(backward), positive(3), raise_exception=False)
    if not positive(3, 2).select(1, 0).is_contiguous():
        assert (
            str(report.findings[0])
            == "non-contiguous: input 0: another gradient for non-contiguous inputs and grad_outputs"
        )


def test_other_backends():
    """A second numpy under another name, whose device the Function does not expect."""

    def backward(ctx, g, x):
        return g * 2 * x * (1 if x.device == positive(1).device else 2)

    from plugrad.core.function_rules import usable_devices

    report = check_function(square(backward), positive(3), raise_exception=False)
    others = [d for d in usable_devices() if torch.device(d).type != positive(1).device.type]
    texts = [str(f) for f in report.findings]
    assert [t.split(":")[0] for t in texts] == ["backends"] * len(others)
    assert ("backends" in report.skipped) == (not others)


# --- where forward leaves the framework ---
def hosted(forward, backward):
    """A Function whose forward works on Python floats."""

    class Hosted(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            values = [forward(v) for v in x.detach().tolist()]
            return torch.tensor(values, dtype=x.dtype, device=x.device)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return backward(g, x)

    return Hosted


def test_forward_outside_the_framework():
    report = check_function(hosted(lambda v: v**2, lambda g, x: g * 2 * x), positive(3))
    assert str(report.notes[0]) == (
        "gradient: the result of forward has no history: only central differences can tell whether backward is right"
    )
    assert {"differences", "second derivative"} <= set(report.passed)
    assert report.skipped["0-dim"] == "only central differences are at hand"


def test_mistakes_outside_the_framework():
    text = found(hosted(lambda v: v**2, lambda g, x: g * 3 * x), positive(3))
    assert text.startswith("differences: Jacobian mismatch for output 0 with respect to input 0; worst: output element")
    assert text.endswith("it looks like a constant factor: analytical = 1.5 · numerical")
    text = found(hosted(lambda v: v**2, lambda g, x: g * 2 * x.detach()), positive(3))
    assert text.startswith("second derivative: Jacobian mismatch")


@pytest.mark.cpu
def test_numpy_inside():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(x.cpu().numpy() ** 2).to(x.device)

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return torch.from_numpy(g.cpu().numpy() * 2 * x.cpu().numpy()).to(g.device)

    report = check_function(Square, positive(3))
    assert str(report.notes[0]).startswith("gradient: forward does not run under recording (Can't call numpy()")
    assert report.skipped["second derivative"] == "backward is marked with @once_differentiable"


def test_a_gradient_that_is_none_of_the_engine():
    """Forward cuts its history; the differences know better."""
    report = check_function(op(lambda x: x.detach() ** 2 + 0 * x, lambda ctx, g, x: g * 2 * x), positive(3))
    assert str(report.notes[0]).startswith("gradient: the engine's derivative of forward is another one")


def test_a_point_with_a_kink():
    function = op(lambda x: x.clamp(min=0), lambda ctx, g, x: g * (x >= 0).to(g.dtype))
    report = check_function(function, torch.tensor([0.0, 1.0, -1.0]))
    assert str(report.notes[0]).endswith(
        "but backward is what the engine makes of forward: is this a point with a kink?"
    )


# --- how it is called ---
def test_it_raises_with_the_report():
    with pytest.raises(
        FunctionCheckError, match=r"Op: 1 finding\(s\)\n  wrong    gradient: input 0: it looks"
    ) as caught:
        check_function(square(lambda ctx, g, x: g * x), positive(3))
    assert isinstance(caught.value, GradcheckError)
    assert not caught.value.report.ok
    assert str(caught.value) == str(caught.value.report)


def test_only_inputs_that_require_grad_are_checked():
    function = op(lambda x, y: x * y, lambda ctx, g, x, y: (g * y, g * 7))
    assert check_function(function, (positive(3).requires_grad_(), positive(3))).ok
    assert found(function, positive(3), positive(3)).startswith("gradient: input 1: ")


def test_the_inputs_are_left_alone():
    x = positive(3).requires_grad_()
    before = x.detach().tolist()
    torch.manual_seed(5)
    check_function(Tripled, x)
    assert x.detach().tolist() == before
    assert x.grad is None
    after = torch.rand(1).item()
    torch.manual_seed(5)
    assert torch.rand(1).item() == after


def test_tolerances():
    nearly = hosted(lambda v: v**2, lambda g, x: g * 2.01 * x)
    assert not check_function(nearly, positive(3), raise_exception=False).ok
    assert check_function(nearly, positive(3), rtol=0.1).ok


def test_a_function_is_wanted():
    with pytest.raises(TypeError, match=r"check_function: expected a subclass of autograd\.Function"):
        check_function(Linear.apply, positive(3))


def test_a_function_that_fails():
    class Fails(Function):
        @staticmethod
        def forward(ctx, x):
            raise ValueError("not today")

    report = check_function(Fails, positive(3), raise_exception=False)
    assert [str(f) for f in report.findings] == ["runs: ValueError: not today"]
    assert report.passed == []
