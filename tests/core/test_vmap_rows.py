"""vmap of every row, its gradients inside and outside, against a loop over the examples."""

import numpy as np
import pytest

import plugrad
import plugrad_op_checks as checks
from plugrad.core import dtypes
from plugrad_testing import assert_close, on, random_like

ROWS = checks.all_rows()
SAMPLES, _, _ = checks.load_tables()
ALL = [(name, i) for name in sorted(ROWS) for i in range(len(SAMPLES[name]))]
SMOOTH = [(name, i) for name, i in ALL if ROWS[name].is_differentiable]
EXAMPLES = 3

pytestmark = [pytest.mark.device, pytest.mark.rows]


class Examples:
    """Several draws of a sample's inputs; the static arguments are those of the first."""

    def __init__(self, name, i):
        draws = [checks.Case(ROWS[name], SAMPLES[name][i], seed=seed) for seed in range(EXAMPLES)]
        self.case = draws[0]
        self.row = self.case.row
        if not self.case.runs_here():
            pytest.skip(f"backend {self.case.xp.name} has no dtype for this sample")
        self.inputs = [d.inputs for d in draws]
        self.count = len(self.case.inputs)
        self.arrays = [j for j, a in enumerate(self.case.inputs) if isinstance(a, np.ndarray)]
        if not self.arrays:
            pytest.skip("no tensor to batch")

    def patterns(self):
        """Which inputs differ from example to example: all of them, and each alone."""
        alone = [{j} for j in self.arrays] if len(self.arrays) > 1 else []
        return [set(self.arrays), *alone]

    def example(self, k, batched):
        return [self.inputs[k][j] if j in batched else a for j, a in enumerate(self.case.inputs)]

    def stacked(self, batched, requires_grad=False):
        takes = self.case.differentiable()
        return [
            on(
                np.stack([np.asarray(draw[j]) for draw in self.inputs]) if j in batched else a,
                requires_grad=requires_grad and takes[j],
            )
            for j, a in enumerate(self.case.inputs)
        ]

    def dims(self, batched):
        return tuple(0 if j in batched else None for j in range(self.count))


def run(examples):
    def function(*tensors):
        return tuple(examples.case.run(tensors))

    return function


@pytest.mark.parametrize(("name", "i"), ALL)
def test_forward(name, i):
    examples = Examples(name, i)
    for batched in examples.patterns():
        expected = [examples.case.run(examples.case.tensors(examples.example(k, batched))) for k in range(EXAMPLES)]
        made = plugrad.vmap(run(examples), in_dims=examples.dims(batched))(*examples.stacked(batched))
        for part, wanted in zip(made, zip(*expected, strict=True), strict=True):
            assert_close(part, np.stack([t._host() for t in wanted]), rtol=1e-9, atol=1e-10)


def gradients(examples, tensors, cotangents):
    """The gradients of the inputs that take one, of an example or of many."""
    takes = examples.case.differentiable()
    wanted = [j for j, takes_one in enumerate(takes) if takes_one]

    def of_these(*chosen):
        inputs = list(tensors)
        for j, t in zip(wanted, chosen, strict=True):
            inputs[j] = t
        return tuple(examples.case.smooth(examples.case.run(inputs)))

    _, pull = plugrad.func.vjp(of_these, *(tensors[j] for j in wanted))
    return pull(tuple(cotangents))


def smooth_examples(name, i):
    examples = Examples(name, i)
    if not any(examples.case.differentiable()):
        pytest.skip("no input of this sample takes a gradient")
    made = examples.case.run(examples.case.tensors())
    if not examples.case.smooth(made):
        pytest.skip("no output has a gradient")
    return examples


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_gradient_inside(name, i):
    examples = smooth_examples(name, i)
    shapes = [t._host() for t in examples.case.smooth(examples.case.run(examples.case.tensors()))]
    cotangents = [[random_like(examples.case.rng, a) for a in shapes] for _ in range(EXAMPLES)]
    for batched in examples.patterns():
        expected = [
            gradients(examples, examples.case.tensors(examples.example(k, batched)), [on(u) for u in cotangents[k]])
            for k in range(EXAMPLES)
        ]
        stacked = [on(np.stack(parts)) for parts in zip(*cotangents, strict=True)]
        made = plugrad.vmap(
            lambda tensors, given, e=examples: gradients(e, tensors, given), in_dims=(examples.dims(batched), 0)
        )(tuple(examples.stacked(batched)), tuple(stacked))
        for part, wanted in zip(made, zip(*expected, strict=True), strict=True):
            assert_close(part, np.stack([t._host() for t in wanted]), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_many_gradients_of_one_forward(name, i):
    examples = smooth_examples(name, i)
    case = examples.case
    shapes = [t._host() for t in case.smooth(case.run(case.tensors()))]
    cotangents = [[random_like(case.rng, a) for a in shapes] for _ in range(EXAMPLES)]
    expected = [case.gradients(case.tensors(recording=True), [on(u) for u in parts]) for parts in cotangents]
    tensors = case.tensors(recording=True)
    made = case.smooth(case.run(tensors))
    wanted = [t for t, d in zip(tensors, case.differentiable(), strict=True) if d]
    found = plugrad.autograd.grad(
        made,
        wanted,
        [on(np.stack(parts)) for parts in zip(*cotangents, strict=True)],
        allow_unused=True,
        is_grads_batched=True,
    )
    for part, parts in zip(found, zip(*expected, strict=True), strict=True):
        if part is not None:
            assert_close(part, np.stack([t._host() for t in parts]), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_gradient_from_outside(name, i):
    examples = smooth_examples(name, i)
    batched = set(examples.arrays[:1])
    takes = examples.case.differentiable()
    tensors = examples.stacked(batched, requires_grad=True)
    made = plugrad.vmap(run(examples), in_dims=examples.dims(batched))(*tensors)
    made = [t for t, d in zip(made, examples.row.differentiable, strict=True) if d and t.dtype.kind >= dtypes.FLOAT]
    cotangents = [random_like(examples.case.rng, t._host()) for t in made]
    wanted = [t for t, d in zip(tensors, takes, strict=True) if d]
    found = plugrad.autograd.grad(made, wanted, [on(u) for u in cotangents], allow_unused=True, materialize_grads=True)
    each = [
        gradients(examples, examples.case.tensors(examples.example(k, batched)), [on(u[k]) for u in cotangents])
        for k in range(EXAMPLES)
    ]
    numbers = [j for j, d in enumerate(takes) if d]
    for j, part, parts in zip(numbers, found, zip(*each, strict=True), strict=True):
        values = np.stack([t._host() for t in parts])
        assert_close(part, values if j in batched else values.sum(0), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("name", "i"), [(name, i) for name, i in SMOOTH if name not in checks.ONCE])
def test_many_tangents_of_one_point(name, i):
    examples = smooth_examples(name, i)
    case = examples.case
    wanted = [j for j, takes in enumerate(case.differentiable()) if takes]
    tensors = case.tensors()

    def of_these(*chosen):
        inputs = list(tensors)
        for j, t in zip(wanted, chosen, strict=True):
            inputs[j] = t
        return tuple(case.smooth(case.run(inputs)))

    def push(*tangents):
        return plugrad.func.jvp(of_these, tuple(tensors[j] for j in wanted), tangents)[1]

    tangents = [[random_like(case.rng, case.inputs[j]) for _ in range(EXAMPLES)] for j in wanted]
    expected = [push(*(on(parts[k]) for parts in tangents)) for k in range(EXAMPLES)]
    made = plugrad.vmap(push)(*(on(np.stack(parts)) for parts in tangents))
    for part, parts in zip(made, zip(*expected, strict=True), strict=True):
        assert_close(part, np.stack([t._host() for t in parts]), rtol=1e-8, atol=1e-9)
