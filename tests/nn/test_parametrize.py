"""Parametrizations, norms of weights by hooks, fusion and skip_init: program by program as torch."""

import copy
import importlib
import pickle

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__.strip("_")] = function
    return function


def P(t):
    return importlib.import_module(f"{t.__name__}.nn.utils.parametrize")


def ready(t):
    return t.nn.utils.parametrizations


def wave(t, *shape):
    return ((t.arange(float(np.prod(shape))) * 2.3).sin() * 2).reshape(shape)


def layer(t, kind="Linear", *args):
    t.manual_seed(0)
    return getattr(t.nn, kind)(*(args or (3, 4)))


def described(m):
    state = {k: v.detach() for k, v in m.state_dict().items()}
    return repr(m), state, [name for name, _ in m.named_parameters()], type(m).__name__


def trained(t, m, x, name="weight"):
    """Values and gradients of a module's output, and what is in it."""
    y = m(x)
    y.sum().backward()
    return y.detach(), {k: p.grad for k, p in m.named_parameters()}, described(m), getattr(m, name).detach()


def symmetric(t, inverse=True):
    class Symmetric(t.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).T

        if inverse:

            def right_inverse(self, a):
                return a.triu()

    return Symmetric()


def outer(t):
    class Outer(t.nn.Module):
        def forward(self, x, y):
            return x.unsqueeze(-1) * y

        def right_inverse(self, z):
            return z[:, 0].clone(), z[0] / z[0, 0]

    return Outer()


def of(t, function, inverse=None):
    """A parametrization made of functions."""

    class Made(t.nn.Module):
        def forward(self, *x):
            return function(*x)

    if inverse is not None:
        Made.right_inverse = lambda self, x: inverse(x)
    return Made()


# --- parametrize ---
@program
def one(t):
    m = layer(t, "Linear", 3, 3)
    before = m.weight
    answer = P(t).register_parametrization(m, "weight", symmetric(t))
    found = trained(t, m, wave(t, 2, 3))
    return answer is m, m.parametrizations.weight.original is before, P(t).is_parametrized(m, "weight"), found


@program
def assigned(t):
    m = P(t).register_parametrization(layer(t, "Linear", 3, 3), "weight", symmetric(t))
    kept = m.parametrizations.weight.original
    value = wave(t, 3, 3)
    m.weight = value + value.T
    return m.weight.detach(), m.parametrizations.weight.original is kept, kept.detach(), kept.requires_grad


@program
def several_originals(t):
    m = P(t).register_parametrization(layer(t), "weight", outer(t))
    found = trained(t, m, wave(t, 2, 3))
    m.weight = wave(t, 4, 1) * wave(t, 3)
    return found, m.weight.detach()


@program
def two_parametrizations(t):
    m = P(t).register_parametrization(layer(t, "Linear", 3, 3), "weight", symmetric(t))
    P(t).register_parametrization(m, "weight", of(t, lambda x: x * 2, lambda x: x / 2))
    P(t).register_parametrization(m, "bias", of(t, lambda x: x.exp()))
    found = trained(t, m, wave(t, 2, 3))
    m.weight = t.eye(3)
    return found, m.weight.detach(), P(t).type_before_parametrizations(m).__name__


@program
def buffer(t):
    m = layer(t, "BatchNorm1d", 3)
    P(t).register_parametrization(m, "running_mean", of(t, lambda x: x + 1))
    return described(m), list(m._buffers), m.running_mean, m.eval()(wave(t, 2, 3)).detach()


@program
def unsafe(t):
    m = P(t).register_parametrization(layer(t), "weight", of(t, lambda x: x[:2].double()), unsafe=True)
    return m.weight.detach(), m.parametrizations.weight.unsafe


for leave in (True, False):

    @program
    def removed(t, leave=leave):
        m = layer(t, "Linear", 3, 3)
        before = m.weight
        P(t).register_parametrization(m, "weight", symmetric(t))
        P(t).register_parametrization(m, "bias", of(t, lambda x: x * 2))
        P(t).remove_parametrizations(m, "weight", leave_parametrized=leave)
        first = described(m), m.weight is before, m.weight.requires_grad
        P(t).remove_parametrizations(m, "bias", leave)
        return first, described(m), hasattr(m, "parametrizations")

    PROGRAMS[f"removed-{leave}"] = PROGRAMS.pop("removed")


@program
def removed_several(t):
    m = P(t).register_parametrization(layer(t), "weight", outer(t))
    P(t).remove_parametrizations(m, "weight")
    return described(m), type(m.weight).__name__, m.weight.is_leaf


@program
def removed_several_unparametrized(t):
    P(t).remove_parametrizations(
        P(t).register_parametrization(layer(t), "weight", outer(t)), "weight", leave_parametrized=False
    )


@program
def caching(t):
    calls = []
    m = P(t).register_parametrization(layer(t), "weight", of(t, lambda x: (calls.append(1), x * 1)[1]))
    calls.clear()
    with P(t).cached():
        with P(t).cached():
            same = m.weight is m.weight
        m(wave(t, 1, 3))
        inside = len(calls)
    outside = m.weight is m.weight
    return same, inside, len(calls), outside


@program
def mode(t):
    m, p = layer(t).eval(), symmetric(t)
    P(t).register_parametrization(m, "bias", of(t, lambda x: x))
    return m.parametrizations.bias[0].training, p.training


@program
def copied(t):
    m = P(t).register_parametrization(layer(t, "Linear", 3, 3), "weight", symmetric(t))
    twin = copy.deepcopy(m)
    with t.no_grad():
        m.parametrizations.weight.original.zero_()
    return described(twin), m.weight.detach(), twin.weight.detach()


@program
def pickled(t):
    pickle.dumps(P(t).register_parametrization(layer(t, "Linear", 3, 3), "weight", symmetric(t)))


@program
def loaded(t):
    m = P(t).register_parametrization(layer(t, "Linear", 3, 3), "weight", symmetric(t))
    state = {k: v * 2 for k, v in m.state_dict().items()}
    return repr(m.load_state_dict(state)), m.weight.detach()


@program
def transferred(t):
    m = P(t).register_parametrization(layer(t, "Linear", 3, 3), "weight", symmetric(t))
    other = t.nn.Linear(3, 3)
    P(t).transfer_parametrizations_and_params(m, other)
    empty = P(t).transfer_parametrizations_and_params(m, t.nn.Module(), "weight")
    plain = P(t).transfer_parametrizations_and_params(t.nn.Linear(1, 1), other)
    return other.weight.detach(), empty.weight.detach(), plain is other, repr(empty)


@program
def stepped(t):
    m = layer(t, "Linear", 3, 3)
    optimizer = t.optim.SGD(m.parameters(), 0.1)
    P(t).register_parametrization(m, "weight", symmetric(t))
    for _ in range(2):
        optimizer.zero_grad()
        m(wave(t, 2, 3)).square().sum().backward()
        optimizer.step()
    return m.weight.detach(), m.parametrizations.weight.original.detach()


REFUSED = {
    "name": (lambda t: symmetric(t), {}, "nothing"),
    "dtype": (lambda t: of(t, lambda x: x.double()), {}, "weight"),
    "shape": (lambda t: of(t, lambda x: x[:2]), {}, "weight"),
    "no-tensor": (lambda t: of(t, lambda x: 1), {}, "weight"),
    "inverse-dtype": (lambda t: of(t, lambda x: x, lambda x: x.double()), {}, "weight"),
    "inverse-no-tensor": (lambda t: of(t, lambda x: x, lambda x: 1), {}, "weight"),
    "inverse-sequence": (lambda t: of(t, lambda x, y: x, lambda x: (x, 1)), {}, "weight"),
    "inverse-unsafe": (lambda t: of(t, lambda x: x, lambda x: x.double()), {"unsafe": True}, "weight"),
}
for name, (make, options, tensor) in REFUSED.items():
    PROGRAMS[f"refused-{name}"] = lambda t, make=make, options=options, tensor=tensor: P(t).register_parametrization(
        layer(t), tensor, make(t), **options
    )
    if tensor == "weight":

        def second(t, make=make, options=options):
            m = P(t).register_parametrization(layer(t), "weight", of(t, lambda x: x))
            P(t).register_parametrization(m, "weight", make(t), **options)
            return repr(m)

        PROGRAMS[f"refused-second-{name}"] = second


@program
def refused_second_inverse_shape(t):
    m = P(t).register_parametrization(layer(t), "weight", of(t, lambda x: x))
    P(t).register_parametrization(m, "weight", of(t, lambda x: x, lambda x: x[:1]))


@program
def refused_removal(t):
    P(t).remove_parametrizations(layer(t), "weight")


@program
def refused_assignment(t):
    m = P(t).register_parametrization(layer(t), "weight", of(t, lambda x: x))
    m.weight = t.ones(4, 3)


@program
def refused_parameter(t):
    m = P(t).register_parametrization(layer(t, "Linear", 3, 3), "weight", symmetric(t))
    m.weight = t.nn.Parameter(t.ones(3, 3))


@program
def refused_assigned_dtype(t):
    m = P(t).register_parametrization(layer(t, "Linear", 3, 3), "weight", symmetric(t))
    m.weight = t.ones(3, 3).double()


@program
def refused_assigned_count(t):
    first = [True]

    def inverse(x):
        return (x, x) if first.pop() else (x,)

    m = P(t).register_parametrization(layer(t), "weight", of(t, lambda x, y: x, inverse))
    first += [False]
    m.weight = t.ones(4, 3)


@program
def refused_empty_list(t):
    P(t).ParametrizationList([], t.nn.Parameter(t.ones(1)))


# --- ready-made ---
LAYERS = {
    "linear": (("Linear", 3, 4), (2, 3)),
    "square": (("Linear", 3, 3), (2, 3)),
    "wide": (("Linear", 5, 2), (2, 5)),
    "conv": (("Conv2d", 2, 3, 2), (1, 2, 4, 4)),
    "transposed": (("ConvTranspose1d", 2, 3, 2), (1, 2, 4)),
}
for what in ("weight_norm", "spectral_norm"):
    for name, (kind, shape) in LAYERS.items():

        def normed(t, what=what, kind=kind, shape=shape):
            m = getattr(ready(t), what)(layer(t, *kind))
            first = m(wave(t, *shape)).detach()
            m.eval()
            return first, trained(t, m, wave(t, *shape))

        PROGRAMS[f"{what}-{name}"] = normed

        def hooked(t, what=what, kind=kind, shape=shape):
            m = getattr(t.nn.utils, what)(layer(t, *kind))
            first = m(wave(t, *shape)).detach()
            found = trained(t, m, wave(t, *shape))
            getattr(t.nn.utils, f"remove_{what}")(m)
            return first, found, described(m), m(wave(t, *shape)).detach()

        PROGRAMS[f"hook-{what}-{name}"] = hooked
for dim in (None, -1, 1):
    PROGRAMS[f"weight_norm-dim-{dim}"] = lambda t, d=dim: trained(
        t, ready(t).weight_norm(layer(t), dim=d), wave(t, 2, 3)
    )
    PROGRAMS[f"hook-weight_norm-dim-{dim}"] = lambda t, d=dim: trained(
        t, t.nn.utils.weight_norm(layer(t), dim=d), wave(t, 2, 3)
    )
PROGRAMS["weight_norm-bias"] = lambda t: trained(t, ready(t).weight_norm(layer(t), "bias"), wave(t, 2, 3), "bias")
PROGRAMS["spectral_norm-bias"] = lambda t: trained(t, ready(t).spectral_norm(layer(t), "bias"), wave(t, 2, 3), "bias")
PROGRAMS["spectral_norm-options"] = lambda t: trained(
    t, ready(t).spectral_norm(layer(t, "Conv2d", 2, 3, 2), n_power_iterations=3, eps=1e-3, dim=-2), wave(t, 1, 2, 4, 4)
)


@program
def weight_norm_loads_the_old(t):
    old = t.nn.utils.weight_norm(layer(t))
    m = ready(t).weight_norm(t.nn.Linear(3, 4))
    return repr(m.load_state_dict(old.state_dict())), m.weight.detach(), old.weight.detach()


@program
def weight_norm_assigned(t):
    m = ready(t).weight_norm(layer(t))
    m.weight = wave(t, 4, 3)
    return m.weight.detach(), described(m)


@program
def spectral_norm_twice_backward(t):
    m = ready(t).spectral_norm(layer(t))
    (m(wave(t, 2, 3)).sum() - m(wave(t, 1, 3)).sum()).backward()
    return {k: p.grad for k, p in m.named_parameters()}


@program
def hook_spectral_norm_state(t):
    m = t.nn.utils.spectral_norm(layer(t))
    state = m.state_dict()
    other = t.nn.utils.spectral_norm(t.nn.Linear(3, 4))
    return dict(state._metadata), repr(other.load_state_dict(state)), other(wave(t, 1, 3)).detach()


@program
def hook_spectral_norm_loads_without_v(t):
    m = t.nn.utils.spectral_norm(layer(t))
    m(wave(t, 1, 3))
    state = m.state_dict()
    state["weight"] = m.weight.detach()
    v = state.pop("weight_v")
    state._metadata[""].pop("spectral_norm")
    other = t.nn.utils.spectral_norm(t.nn.Linear(3, 4))
    return repr(other.load_state_dict(state)), other.weight_v, v


ERRORS = {
    "twice-weight": lambda t: t.nn.utils.weight_norm(t.nn.utils.weight_norm(layer(t))),
    "twice-spectral": lambda t: t.nn.utils.spectral_norm(t.nn.utils.spectral_norm(layer(t))),
    "remove-weight": lambda t: t.nn.utils.remove_weight_norm(layer(t)),
    "remove-spectral": lambda t: t.nn.utils.remove_spectral_norm(layer(t)),
    "iterations": lambda t: t.nn.utils.spectral_norm(layer(t), n_power_iterations=0),
    "none": lambda t: t.nn.utils.spectral_norm(t.nn.Linear(2, 2, bias=False), "bias"),
    "spectral-iterations": lambda t: ready(t).spectral_norm(layer(t), n_power_iterations=0),
    "spectral-dim": lambda t: ready(t).spectral_norm(layer(t), dim=2),
    "spectral-name": lambda t: ready(t).spectral_norm(layer(t), "nothing"),
    "weight-name": lambda t: ready(t).weight_norm(layer(t), "nothing"),
    "orthogonal-name": lambda t: ready(t).orthogonal(layer(t), "nothing"),
    "orthogonal-vector": lambda t: ready(t).orthogonal(layer(t), "bias"),
    "orthogonal-map": lambda t: ready(t).orthogonal(layer(t), orthogonal_map="x"),
    "orthogonal-complex": lambda t: ready(t).orthogonal(
        t.nn.Linear(3, 4, dtype=t.complex64), orthogonal_map="householder"
    ),
}
PROGRAMS.update({f"error-{name}": function for name, function in ERRORS.items()})

for kind in ("linear", "square", "wide"):
    for how in (None, "matrix_exp", "cayley", "householder"):
        for fixed in (True, False):

            def orthogonal(t, kind=LAYERS[kind], how=how, fixed=fixed):
                m = ready(t).orthogonal(layer(t, *kind[0]), orthogonal_map=how, use_trivialization=fixed)
                start = m.weight.detach()
                with t.no_grad():
                    m.parametrizations.weight.original.add_(
                        0.1 * wave(t, *m.parametrizations.weight.original.shape).tril(-1)
                    )
                return start, trained(t, m, wave(t, *kind[1]))

            PROGRAMS[f"orthogonal-{kind}-{how}-{fixed}"] = orthogonal


def orthogonal_assigned(t, how):
    m = ready(t).orthogonal(layer(t), orthogonal_map=how, use_trivialization=False)
    m.weight = t.linalg.qr(wave(t, 4, 3) + t.eye(4, 3))[0]
    return m.weight.detach()


PROGRAMS["orthogonal-assigned-householder"] = lambda t: orthogonal_assigned(t, "householder")
PROGRAMS["orthogonal-assigned-cayley"] = lambda t: orthogonal_assigned(t, "cayley")


@program
def orthogonal_assigned_base(t):
    m = ready(t).orthogonal(layer(t))
    m.weight = t.linalg.qr(wave(t, 4, 3) + t.eye(4, 3))[0]
    try:
        m.weight = t.ones(2, 2)
    except ValueError as error:
        return m.weight.detach(), str(error)


@program
def orthogonal_batch(t):
    m = layer(t, "Conv2d", 2, 3, 3)
    return trained(t, ready(t).orthogonal(m), wave(t, 1, 2, 4, 4))


@program
def orthogonal_complex(t):
    m = t.nn.Linear(3, 3, dtype=t.complex64)
    with t.no_grad():
        m.weight.copy_(t.complex(wave(t, 3, 3), wave(t, 3, 3).cos()))
    w = ready(t).orthogonal(m).weight.detach()
    return (w.mH @ w).abs(), w.abs()


# --- fusion ---
def fused(t, kind, bn, shape, transpose=False, **options):
    m = layer(t, *kind)
    if options.get("bias") is False:
        m.bias = None
    norm = getattr(t.nn, bn[0])(bn[1], affine=options.get("affine", True)).eval()
    norm.running_mean.copy_(wave(t, bn[1]))
    norm.running_var.copy_(wave(t, bn[1]).abs() + 0.5)
    if norm.affine:
        norm.weight.data.copy_(wave(t, bn[1]) + 3)
    args = (m.eval(), norm)
    made = (
        t.nn.utils.fuse_linear_bn_eval(*args) if kind[0] == "Linear" else t.nn.utils.fuse_conv_bn_eval(*args, transpose)
    )
    x = wave(t, *shape)
    flags = [(name, p.requires_grad) for name, p in made.named_parameters()]
    return made(x).detach(), norm(m(x)).detach(), described(made), flags, made is m


FUSED = {
    "conv": (("Conv2d", 2, 3, 2), ("BatchNorm2d", 3), (1, 2, 4, 4)),
    "conv1d": (("Conv1d", 2, 3, 2), ("BatchNorm1d", 3), (1, 2, 4)),
    "transposed": (("ConvTranspose1d", 2, 3, 2), ("BatchNorm1d", 3), (1, 2, 4), True),
    "linear": (("Linear", 3, 4), ("BatchNorm1d", 4), (2, 3)),
}
for name, args in FUSED.items():
    PROGRAMS[f"fused-{name}"] = lambda t, args=args: fused(t, *args)
    PROGRAMS[f"fused-{name}-no-bias"] = lambda t, args=args: fused(t, *args, bias=False)
PROGRAMS["fused-conv-plain-norm"] = lambda t: fused(t, *FUSED["conv"], affine=False)
PROGRAMS["fused-training"] = lambda t: t.nn.utils.fuse_conv_bn_eval(layer(t, "Conv1d", 1, 2, 1), t.nn.BatchNorm1d(2))
PROGRAMS["fused-linear-training"] = lambda t: t.nn.utils.fuse_linear_bn_eval(layer(t), t.nn.BatchNorm1d(4))
PROGRAMS["fused-linear-sizes"] = lambda t: t.nn.utils.fuse_linear_bn_eval(layer(t).eval(), t.nn.BatchNorm1d(3).eval())
PROGRAMS["fused-no-statistics"] = lambda t: t.nn.utils.fuse_conv_bn_eval(
    layer(t, "Conv1d", 1, 2, 1).eval(), t.nn.BatchNorm1d(2, track_running_stats=False).eval()
)


# --- skip_init ---
@program
def skipped(t):
    t.manual_seed(0)
    m = t.nn.utils.skip_init(t.nn.Linear, 3, out_features=2, dtype=t.float64)
    drawn = t.rand(2)
    return repr(m), m.weight.shape, m.weight.dtype, m.weight.requires_grad, drawn


PROGRAMS["skipped-no-module"] = lambda t: t.nn.utils.skip_init(int)
PROGRAMS["skipped-no-device"] = lambda t: t.nn.utils.skip_init(t.nn.ReLU)

#: Of batches or complex numbers not every backend has the factorizations.
ONLY_NUMPY = {"orthogonal_complex"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 2e-5, absolute=5e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-5, absolute=1e-6)
    assert not found, "\n".join(found)


@pytest.mark.device
@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 4, 3), (1, 1), (3, 1)])
@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
def test_orthogonal_stays_orthogonal(shape, how):
    rng = np.random.default_rng(0)
    m = plugrad.nn.Module()
    m.w = plugrad.nn.Parameter(on(rng.standard_normal(shape)))
    plugrad.nn.utils.parametrizations.orthogonal(m, "w", how)
    original = m.parametrizations.w.original
    with plugrad.no_grad():
        original += on(np.tril(rng.standard_normal(shape), -1))
    w = m.w.detach()
    small = w.mT @ w if shape[-2] >= shape[-1] else w @ w.mT
    assert_close(small, np.broadcast_to(np.eye(min(shape[-2:])), small.shape).copy(), atol=1e-10)


@pytest.mark.device
def test_reflections_give_the_matrix_back():
    """Without a base the original holds the reflections of the weight, which give it again."""
    q = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 4)))[0]
    m = plugrad.nn.Module()
    m.w = plugrad.nn.Parameter(on(q))
    plugrad.nn.utils.parametrizations.orthogonal(m, "w", "householder", use_trivialization=False)
    assert_close(m.w.detach(), q, atol=1e-12)


def test_skip_init_draws_nothing():
    plugrad.manual_seed(0)
    expected = plugrad.rand(3)
    plugrad.manual_seed(0)
    plugrad.nn.utils.skip_init(plugrad.nn.Conv2d, 2, 3, 3)
    assert plugrad.equal(plugrad.rand(3), expected)
