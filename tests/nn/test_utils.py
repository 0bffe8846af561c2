"""nn.utils: clipping gradients and parameters as one vector, program by program as torch does it."""

from functools import partial

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__.strip("_")] = function
    return function


def parameters(t, dtype=None, factor=1.0):
    """Three parameters; the second has no gradient."""
    a, b, c = (t.nn.Parameter(t.zeros(shape, dtype=dtype)) for shape in ((2, 2), (3,), ()))
    a.grad = t.tensor([[1.0, -2.0], [0.5, 4.0]], dtype=dtype) * factor
    c.grad = t.tensor(-3.0, dtype=dtype) * factor
    return [a, b, c]


def clipped(max_norm, norm_type, t, dtype="float32", factor=1.0):
    params = parameters(t, getattr(t, dtype), factor)
    total = t.nn.utils.clip_grad_norm_(params, max_norm, norm_type=norm_type)
    return total, total.requires_grad, [p.grad for p in params]


for norm_type in (2.0, 1, 3.5, float("inf"), 0.5):
    for max_norm in (1.0, 1000):
        PROGRAMS[f"clip_grad_norm_ {norm_type} {max_norm}"] = partial(clipped, max_norm, norm_type)
PROGRAMS |= {
    "clip_grad_norm_ float64": partial(clipped, 1.0, 2.0, dtype="float64"),
    "clip_grad_norm_ zero": partial(clipped, 1.0, 2.0, factor=0.0),
    "clip_grad_norm_ inf": partial(clipped, 1.0, 2.0, factor=float("inf")),
    "clip_grad_norm_ nan": partial(clipped, 1.0, 2.0, factor=float("nan")),
}


@program
def clip_grad_norm_of_one(t):
    w = parameters(t)[0]
    return t.nn.utils.clip_grad_norm_(w, 1.0, foreach=True), w.grad


@program
def clip_grad_norm_keeps_the_gradient_tensors(t):
    params = parameters(t)
    before = [p.grad for p in params]
    t.nn.utils.clip_grad_norm_((p for p in params), 1.0)
    return [p.grad is grad for p, grad in zip(params, before, strict=True)]


@program
def clip_grad_norm_of_nothing(t):
    return t.nn.utils.clip_grad_norm_([], 1.0), t.nn.utils.clip_grad_norm_([t.nn.Parameter(t.ones(1))], 1.0)


@program
def clip_grad_norm_of_an_empty_generator(t):
    return t.nn.utils.clip_grad_norm_((p for p in ()), 1.0)


@program
def clip_grad_norm_error_if_nonfinite(t):
    t.nn.utils.clip_grad_norm_(parameters(t, factor=float("inf")), 1.0, error_if_nonfinite=True)


@program
def old_name(t):
    return t.nn.utils.clip_grad_norm(parameters(t), 1.0)


@program
def total_norm(t):
    grads = [p.grad for p in parameters(t) if p.grad is not None]
    norm = t.nn.utils.get_total_norm
    return norm(grads), norm(grads[0]), norm(grads, 1.0), norm([]), norm(iter(grads), float("inf"))


@program
def clip_by_a_known_norm(t):
    params = parameters(t)
    answer = t.nn.utils.clip_grads_with_norm_(params, 1.0, t.tensor(4.0))
    return answer, [p.grad for p in params]


@program
def clip_grad_value(t):
    params = parameters(t)
    answer = t.nn.utils.clip_grad_value_(params, 1.5)
    t.nn.utils.clip_grad_value_(params[2], 1)
    return answer, [p.grad for p in params]


@program
def vector_and_back(t):
    params = [t.nn.Parameter(t.tensor([[1.0, 2.0], [3.0, 4.0]])), t.nn.Parameter(t.tensor(5.0))]
    vector = t.nn.utils.parameters_to_vector(params)
    with t.no_grad():
        doubled = vector * 2
    t.nn.utils.vector_to_parameters(doubled, params)
    doubled[0] = 100.0
    return vector.detach(), vector.requires_grad, params


@program
def no_vector(t):
    t.nn.utils.vector_to_parameters([1.0], [])


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch_does(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], rel=1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], rel=1e-6)
    assert not found, "\n".join(found)


# --- memory formats of convolutions' weights ---
def converted_strides(t):
    """The strides of all weights after each conversion, and whether the parameters stay the objects they were."""
    kinds = (t.nn.Conv1d, t.nn.Conv2d, t.nn.ConvTranspose2d, t.nn.Conv3d, t.nn.ConvTranspose3d)
    layers = t.nn.Sequential(*(kind(3, 4, 2) for kind in kinds), t.nn.Sequential(t.nn.Conv2d(2, 3, (3, 2))))
    before, found = list(layers.parameters()), []
    for name, given in (("2d", t.channels_last), ("3d", t.channels_last_3d), ("2d", t.contiguous_format)):
        convert = getattr(t.nn.utils, f"convert_conv{name}_weight_memory_format")
        assert convert(layers, given) is layers
        found.append([tuple(p.stride()) for p in layers.parameters()])
    assert all(a is b for a, b in zip(before, layers.parameters(), strict=True))
    return found


@pytest.mark.cpu
def test_weights_in_another_memory_format():
    found = converted_strides(plugrad)
    assert found[0][2] == (12, 1, 6, 3)
    assert found[0][6] == (24, 8, 4, 2, 1)
    assert found[1][6] == (24, 1, 12, 6, 3)
    assert found[2][2] == (12, 4, 2, 1)


@pytest.mark.cpu
@pytest.mark.oracle
def test_weights_in_another_memory_format_as_torch():
    torch = pytest.importorskip("torch")
    assert converted_strides(plugrad) == converted_strides(torch)


@pytest.mark.device
def test_a_model_with_converted_weights_computes_the_same():
    model = plugrad.nn.Sequential(plugrad.nn.Conv2d(2, 3, 2), plugrad.nn.ReLU(), plugrad.nn.ConvTranspose2d(3, 1, 2))
    x = plugrad.randn(2, 2, 5, 4)
    before = model(x)
    after = plugrad.nn.utils.convert_conv2d_weight_memory_format(model, plugrad.channels_last)(x)
    assert plugrad.allclose(before, after, atol=1e-6)
    after.sum().backward()
    assert all(p.grad.shape == p.shape for p in model.parameters())
