"""Normalizations and their layers: values, gradients, running statistics, texts and errors, program by program as torch."""

import copy

import numpy as np
import pytest

import plugrad
import plugrad_samples_norm as reference
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, assert_values, on

F = plugrad.nn.functional
PROGRAMS = {}


def wave(t, *shape):
    """Numbers without pattern that need no random stream."""
    n = 1
    for size in shape:
        n *= size
    return ((t.arange(float(n)) * 2.3).sin() * 2 + (t.arange(float(n)) * 0.7).cos()).reshape(shape)


def parameters(t, *shape):
    w = (wave(t, *shape) * 0.2 + 1).requires_grad_()
    b = (wave(t, *shape) * 0.1).requires_grad_()
    return w, b


def recorded(t, x, y, *others):
    """The value, the node's name and its edges, and all gradients of a weighted sum."""
    (y * wave(t, *y.shape)).sum().backward()
    return y, y.grad_fn.name(), len(y.grad_fn.next_functions), x.grad, [o.grad for o in others]


# --- functional ---
for shape in ((4, 3), (3, 2, 5), (2, 3, 2, 3), (2, 2, 2, 1, 3)):
    for training in (True, False):
        for affine in (True, False):

            def program(t, shape=shape, training=training, affine=affine):
                x = wave(t, *shape).requires_grad_()
                w, b = parameters(t, shape[1]) if affine else (None, None)
                mean, var = wave(t, shape[1]), wave(t, shape[1]) ** 2 + 0.5
                y = t.nn.functional.batch_norm(x, mean, var, w, b, training=training, momentum=0.3, eps=1e-3)
                return recorded(t, x, y, *([w, b] if affine else [])), mean, var

            PROGRAMS[f"batch_norm-{shape}-{training}-{affine}"] = program
for shape, last in (((4, 6), 1), ((2, 3, 5), 2), ((5,), 1)):
    for affine in (True, False):

        def program(t, shape=shape, last=last, affine=affine):
            x = wave(t, *shape).requires_grad_()
            w, b = parameters(t, *shape[-last:]) if affine else (None, None)
            y = t.nn.functional.layer_norm(x, shape[-last:], w, b)
            return recorded(t, x, y, *([w, b] if affine else []))

        PROGRAMS[f"layer_norm-{shape}-{affine}"] = program

        def program(t, shape=shape, last=last, affine=affine):
            x = wave(t, *shape).requires_grad_()
            w = parameters(t, *shape[-last:])[0] if affine else None
            y = t.nn.functional.rms_norm(x, shape[-last:], w)
            found = recorded(t, x, y, *([w] if affine else []))
            return found[0], found[1], found[3:]

        PROGRAMS[f"rms_norm-{shape}-{affine}"] = program
for shape, groups in (((4, 6), 2), ((2, 6, 5), 3), ((2, 4, 2, 3), 1), ((2, 3, 4), 3)):
    for affine in (True, False):

        def program(t, shape=shape, groups=groups, affine=affine):
            x = wave(t, *shape).requires_grad_()
            w, b = parameters(t, shape[1]) if affine else (None, None)
            return recorded(t, x, t.nn.functional.group_norm(x, groups, w, b), *([w, b] if affine else []))

        PROGRAMS[f"group_norm-{shape}-{groups}-{affine}"] = program
for shape in ((2, 3, 5), (2, 2, 3, 2)):
    for use in (True, False):

        def program(t, shape=shape, use=use):
            x = wave(t, *shape).requires_grad_()
            w, b = parameters(t, shape[1])
            mean, var = wave(t, shape[1]), wave(t, shape[1]) ** 2 + 0.5
            y = t.nn.functional.instance_norm(x, mean, var, w, b, use_input_stats=use, momentum=0.2)
            return recorded(t, x, y, w, b), mean, var

        PROGRAMS[f"instance_norm-{shape}-{use}"] = program


def case(function):
    PROGRAMS[function.__name__] = function
    return function


@case
def instance_norm_plain(t):
    x = wave(t, 2, 3, 4).requires_grad_()
    return recorded(t, x, t.nn.functional.instance_norm(x))


@case
def local_response_norm(t):
    found = []
    for shape, size in (((2, 5, 3), 3), ((1, 4, 2, 2), 2), ((1, 3, 2), 5)):
        x = wave(t, *shape).requires_grad_()
        y = t.nn.functional.local_response_norm(x, size, alpha=0.5, beta=0.6, k=2.0)
        found.append(recorded(t, x, y))
    return [(f[0], f[1], f[3]) for f in found]


@case
def normalize(t):
    found = []
    for options in ({}, {"p": 1.0, "dim": 0}, {"dim": (0, 1)}, {"p": float("inf")}, {"p": 3.0}):
        x = wave(t, 3, 4).requires_grad_()
        y = t.nn.functional.normalize(x, **options)
        (y * wave(t, 3, 4)).sum().backward()
        found.append((y, y.grad_fn.name(), x.grad))
    return found


@case
def normalize_zeros(t):
    return t.nn.functional.normalize(t.zeros(2, 3)), t.nn.functional.normalize(wave(t, 2, 3), out=t.empty(2, 3))


@case
def lower_precision(t):
    """float16 with float32 parameters, and all in float16: computed in float32, returned in float16."""
    found = []
    for parameter in (t.float32, t.float16):
        x = wave(t, 3, 4).to(t.float16)
        w, b = (p.detach().to(parameter) for p in parameters(t, 4))
        mean, var = t.zeros(4, dtype=parameter), t.ones(4, dtype=parameter)
        found.append(t.nn.functional.batch_norm(x, mean, var, w, b, training=True))
        found.append(t.nn.functional.layer_norm(x, (4,), w, b))
        found.append(t.nn.functional.group_norm(x, 2, w, b))
        found.append(t.nn.functional.rms_norm(x, (4,), w.to(x.dtype)))
        found += [mean, var]
    return found


@case
def empty(t):
    f, x = t.nn.functional, t.ones(0, 6)
    mean, var = t.zeros(6), t.ones(6)
    made = [
        f.batch_norm(x, None, None, training=True),
        f.batch_norm(x, mean, var),
        f.layer_norm(x, (6,)),
        f.group_norm(x, 2),
    ]
    return [*made, f.rms_norm(x, (6,)), f.layer_norm(t.ones(4, 0), (0,)), f.local_response_norm(t.ones(0, 4, 4), 2)]


# --- errors ---
ERRORS = {
    "bn-weight": lambda t, x: t.nn.functional.batch_norm(x, None, None, t.ones(5), None, True),
    "bn-bias": lambda t, x: t.nn.functional.batch_norm(x, None, None, t.ones(6), t.ones(5), True),
    "bn-mean": lambda t, x: t.nn.functional.batch_norm(x, t.ones(5), t.ones(6), None, None, True),
    "bn-mean-eval": lambda t, x: t.nn.functional.batch_norm(x, t.ones(5), t.ones(6)),
    "bn-var": lambda t, x: t.nn.functional.batch_norm(x, t.ones(6), t.ones(5), None, None, True),
    "bn-no-statistics": lambda t, x: t.nn.functional.batch_norm(x, None, None),
    "bn-no-var": lambda t, x: t.nn.functional.batch_norm(x, t.ones(6), None),
    "bn-no-var-training": lambda t, x: t.nn.functional.batch_norm(x, t.ones(6), None, training=True),
    "bn-one-value": lambda t, x: t.nn.functional.batch_norm(x[:1], None, None, training=True),
    "bn-vector": lambda t, x: t.nn.functional.batch_norm(x[0], None, None, training=True),
    "bn-vector-eval": lambda t, x: t.nn.functional.batch_norm(x[0], t.ones(6), t.ones(6)),
    "bn-int": lambda t, x: t.nn.functional.batch_norm(x.long(), None, None, training=True),
    "bn-complex": lambda t, x: t.nn.functional.batch_norm(x.to(t.complex64), None, None, training=True),
    "bn-double-weight": lambda t, x: t.nn.functional.batch_norm(x, None, None, t.ones(6).double(), None, True),
    "bn-double-input": lambda t, x: t.nn.functional.batch_norm(x.double(), None, None, t.ones(6), None, True),
    "bn-double-statistics": lambda t, x: t.nn.functional.batch_norm(
        x, t.ones(6).double(), t.ones(6).double(), training=True
    ),
    "bn-statistics-grad": lambda t, x: t.nn.functional.batch_norm(
        x, t.ones(6).requires_grad_(), t.ones(6), training=True
    ),
    "ln-shape": lambda t, x: t.nn.functional.layer_norm(x, (5,)),
    "ln-rank": lambda t, x: t.nn.functional.layer_norm(x, (2, 4, 6)),
    "ln-no-shape": lambda t, x: t.nn.functional.layer_norm(x, ()),
    "ln-int-shape": lambda t, x: t.nn.functional.layer_norm(x, 6),
    "ln-weight": lambda t, x: t.nn.functional.layer_norm(x, (6,), t.ones(5)),
    "ln-bias": lambda t, x: t.nn.functional.layer_norm(x, (6,), t.ones(6), t.ones(5)),
    "ln-int": lambda t, x: t.nn.functional.layer_norm(x.long(), (6,)),
    "ln-double-weight": lambda t, x: t.nn.functional.layer_norm(x, (6,), t.ones(6).double()),
    "ln-double-input": lambda t, x: t.nn.functional.layer_norm(x.double(), (6,), t.ones(6)),
    "gn-groups": lambda t, x: t.nn.functional.group_norm(x, 4),
    "gn-vector": lambda t, x: t.nn.functional.group_norm(x[0], 2),
    "gn-weight": lambda t, x: t.nn.functional.group_norm(x, 2, t.ones(5)),
    "gn-bias": lambda t, x: t.nn.functional.group_norm(x, 2, t.ones(6), t.ones(5)),
    "gn-weight-rank": lambda t, x: t.nn.functional.group_norm(x, 2, t.ones(6, 1)),
    "gn-zero-groups": lambda t, x: t.nn.functional.group_norm(x, 0),
    "gn-one-value": lambda t, x: t.nn.functional.group_norm(x[:1], 6),
    "gn-int": lambda t, x: t.nn.functional.group_norm(x.long(), 2),
    "gn-double-weight": lambda t, x: t.nn.functional.group_norm(x, 2, t.ones(6).double()),
    "in-one-place": lambda t, x: t.nn.functional.instance_norm(t.ones(2, 3, 1)),
    "in-matrix": lambda t, x: t.nn.functional.instance_norm(t.ones(2, 3)),
    "in-no-statistics": lambda t, x: t.nn.functional.instance_norm(t.ones(2, 3, 4), use_input_stats=False),
    "in-weight": lambda t, x: t.nn.functional.instance_norm(t.ones(2, 3, 4), weight=t.ones(4)),
    "in-mean": lambda t, x: t.nn.functional.instance_norm(t.ones(2, 3, 4), t.ones(4), t.ones(4)),
    "rms-shape": lambda t, x: t.nn.functional.rms_norm(x, (5,)),
    "rms-shape-2": lambda t, x: t.nn.functional.rms_norm(x, (5, 6)),
    "rms-weight": lambda t, x: t.nn.functional.rms_norm(x, (6,), t.ones(5)),
    "rms-int": lambda t, x: t.nn.functional.rms_norm(x.long(), (6,)),
    "rms-int-shape": lambda t, x: t.nn.functional.rms_norm(x, 6),
    "lrn-rank": lambda t, x: t.nn.functional.local_response_norm(x, 2),
    "layer-bn1d-rank": lambda t, x: t.nn.BatchNorm1d(6)(t.ones(2, 6, 3, 3)),
    "layer-bn2d-rank": lambda t, x: t.nn.BatchNorm2d(6)(t.ones(2, 6)),
    "layer-bn3d-rank": lambda t, x: t.nn.BatchNorm3d(6)(t.ones(2, 6)),
    "layer-bn-one-value": lambda t, x: t.nn.BatchNorm1d(3)(t.ones(1, 3)),
    "layer-bn-channels": lambda t, x: t.nn.BatchNorm1d(3)(x),
    "layer-bn-channels-eval": lambda t, x: t.nn.BatchNorm1d(3).eval()(x),
    "layer-ln-shape": lambda t, x: t.nn.LayerNorm(5)(x),
    "layer-gn-groups": lambda t, x: t.nn.GroupNorm(4, 6),
    "layer-gn-zero": lambda t, x: t.nn.GroupNorm(0, 6),
    "layer-gn-channels": lambda t, x: t.nn.GroupNorm(3, 6)(t.ones(2, 9, 2)),
    "layer-in-rank": lambda t, x: t.nn.InstanceNorm1d(3)(t.ones(2, 3, 4, 5)),
    "layer-in2d-rank": lambda t, x: t.nn.InstanceNorm2d(3)(t.ones(3, 4)),
    "layer-in-channels": lambda t, x: t.nn.InstanceNorm1d(3)(wave(t, 2, 5, 4)),
    "layer-in-channels-affine": lambda t, x: t.nn.InstanceNorm1d(3, affine=True)(wave(t, 2, 5, 4)),
}
for name, function in ERRORS.items():
    PROGRAMS[name] = lambda t, f=function: f(t, wave(t, 4, 6))

# --- layers ---
LAYERS = {
    "BatchNorm1d(3)": (4, 3),
    "BatchNorm1d(3,momentum=None)": (4, 3, 2),
    "BatchNorm1d(3,track_running_stats=False)": (4, 3),
    "BatchNorm2d(3,affine=False)": (2, 3, 2, 2),
    "BatchNorm2d(3,bias=False,momentum=0.5,eps=0.1)": (2, 3, 2, 2),
    "BatchNorm3d(2,dtype=t.float64)": (2, 2, 1, 2, 2),
    "InstanceNorm1d(3)": (2, 3, 4),
    "InstanceNorm1d(3,affine=True,track_running_stats=True)": (3, 4),
    "InstanceNorm2d(2,affine=True)": (2, 3, 4),
    "InstanceNorm2d(2,track_running_stats=True,momentum=None)": (2, 2, 3, 4),
    "InstanceNorm3d(2,affine=True,bias=False)": (1, 2, 2, 2, 2),
    "LayerNorm(5)": (2, 5),
    "LayerNorm((3,4),bias=False)": (2, 3, 4),
    "LayerNorm([3,4],elementwise_affine=False,eps=0.1)": (3, 4),
    "GroupNorm(2,4)": (2, 4, 3),
    "GroupNorm(2,4,affine=False)": (2, 4),
    "GroupNorm(2,4,bias=False)": (2, 4, 3),
    "RMSNorm(5)": (2, 5),
    "RMSNorm((3,4),eps=0.1,elementwise_affine=False)": (3, 4),
    "LocalResponseNorm(3)": (2, 5, 3),
    "CrossMapLRN2d(3)": (2, 6, 2, 3),
    "CrossMapLRN2d(4,alpha=0.5,beta=0.6,k=2)": (1, 7, 2, 1),
    "CrossMapLRN2d(5,alpha=2)": (1, 2, 2, 1),
    "SyncBatchNorm(3)": (4, 3),
    "SyncBatchNorm(2,momentum=None,bias=False)": (2, 2, 1, 2, 2, 2),
    "SyncBatchNorm(2,affine=False,track_running_stats=False)": (3, 2, 4),
}


def layer(text, shape):
    """A layer's printed form, three calls in training, one in evaluation, and the state afterwards."""

    def program(t):
        if text == "InstanceNorm2d(2,affine=True)":
            shape_here = (2, 3, 4)
        else:
            shape_here = shape
        m = eval("t.nn." + text, {"t": t})
        for i, p in enumerate(m.parameters()):
            p.data.copy_(wave(t, *p.shape) * 0.2 + 1 - i)
        made = []
        for step in range(3):
            x = wave(t, *shape_here) * (step + 1) + step
            made.append(m(x.double() if "float64" in text else x).detach())
        m.eval()
        x = wave(t, *shape_here)
        made.append(m(x.double() if "float64" in text else x).detach())
        return repr(m), made, list(m.state_dict().items()), [n for n, _ in m.named_buffers()]

    return program


for text, shape in LAYERS.items():
    PROGRAMS[f"layer-{text}"] = layer(text, shape)


@case
def reset(t):
    m = t.nn.BatchNorm1d(2)
    m(wave(t, 4, 2))
    m.weight.data.fill_(3)
    m.reset_running_stats()
    first = list(m.state_dict().items())
    m.reset_parameters()
    return first, list(m.state_dict().items())


@case
def load_old_state(t):
    """A file of version 1 has no count of batches."""
    m = t.nn.BatchNorm1d(2)
    state = {k: v + 1 for k, v in m.state_dict().items() if k != "num_batches_tracked"}
    return str(m.load_state_dict(state)), list(m.state_dict().items()), t.nn.BatchNorm1d(2).state_dict()._metadata


@case
def load_statistics_nobody_tracks(t):
    return t.nn.InstanceNorm1d(3).load_state_dict(t.nn.BatchNorm1d(3).state_dict())


@case
def load_statistics_of_old(t):
    """The same from a file without versions."""
    return t.nn.InstanceNorm1d(3).load_state_dict(dict(t.nn.BatchNorm1d(3, affine=False).state_dict()))


@case
def without_buffers(t):
    """Running statistics set to None: the batch's own are used in evaluation too."""
    m = t.nn.BatchNorm1d(2)
    m.running_mean = m.running_var = None
    return m.eval()(wave(t, 4, 2)).detach(), m.num_batches_tracked


@case
def evaluation_then_training(t):
    m = t.nn.BatchNorm1d(2)
    m.eval()
    m(wave(t, 4, 2))
    before = m.running_mean.clone()
    m.train()
    m(wave(t, 4, 2))
    return before, m.running_mean, m.running_var, m.num_batches_tracked


for text, shape in {
    "CrossMapLRN2d(3)": (2, 3, 2),
    "SyncBatchNorm(3)": (3,),
    "SyncBatchNorm(0)": (3, 0),
    "SyncBatchNorm(2)": (1, 2),
    "SyncBatchNorm(2,eps=-1.0)": (3, 2),
}.items():
    PROGRAMS[f"wrong-{text}-{shape}"] = lambda t, text=text, shape=shape: eval("t.nn." + text)(wave(t, *shape))


@case
def convert_sync_batchnorm(t):
    net = t.nn.Sequential(t.nn.Identity(), t.nn.BatchNorm1d(3, eps=0.1), t.nn.Sequential(t.nn.BatchNorm2d(4)))
    net[1].momentum, net[2][0].training = 0.5, False
    net[1](wave(t, 4, 3))
    weight, mean = net[1].weight, net[1].running_mean
    found = t.nn.SyncBatchNorm.convert_sync_batchnorm(net)
    alone = t.nn.SyncBatchNorm.convert_sync_batchnorm(t.nn.BatchNorm1d(2, affine=False, track_running_stats=False))
    same = found is net, found[1].weight is weight, found[1].running_mean is mean, found[2][0].training
    return repr(net), same, list(net.state_dict().items()), repr(alone)


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-5, absolute=5e-6)
    if name == "lower_precision":
        if plugrad.ones(1)._xp.float16 is None:
            pytest.skip("the backend has no float16")
        found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 2e-3, absolute=2e-3)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-5, absolute=1e-6)
    assert not found, "\n".join(found)


# --- sizes that leave one block, and numbers that are hard ---
BATCHES = [(300, 70), (5000, 3), (2, 3, 50000), (9, 17, 41), (3, 70, 9, 31), (4, 2, 1), (64, 129, 2, 3), (2, 1, 70)]


def narrow_and_wide(rng, *shapes):
    arrays = [rng.standard_normal(shape) for shape in shapes]
    return [a.astype(np.float32) for a in arrays], arrays


@pytest.mark.device
@pytest.mark.parametrize("shift", [0.0, 300.0])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", BATCHES)
def test_large_batches(shape, training, shift):
    rng = np.random.default_rng(0)
    c = shape[1]
    x, w, b, mean = rng.standard_normal(shape) * 2 + shift, *rng.standard_normal((3, c))
    var = rng.uniform(0.5, 2, c)
    x = x.astype(np.float32).astype(np.float64)
    expected, m, v = reference.batch_norm(x, w, b, mean, var, training, 1e-5)
    for dtype, tolerance in ((np.float64, 1e-9), (np.float32, 2e-5 * (1 + shift / 20))):
        statistics = [on(a.astype(dtype)) for a in (mean, var)]
        y = F.batch_norm(*map(on, (x.astype(dtype),)), *statistics, on(w.astype(dtype)), on(b.astype(dtype)), training)
        assert_close(y, expected.astype(dtype), rtol=tolerance, atol=tolerance * max(1.0, np.abs(expected).max() / 10))
        if training:
            n = x.size // c
            assert_values(statistics[0]._host(), 0.9 * mean + 0.1 * m, rtol=1e-5, atol=1e-5)
            assert_values(statistics[1]._host(), 0.9 * var + 0.1 * v * n / (n - 1), rtol=1e-5)


def gradient_truth(function, arrays, g):
    """The gradients in float64 by the strict composition, which the sample checks hold to differences."""
    tensors = [None if a is None else on(a, requires_grad=True) for a in arrays]
    y = function(*tensors)
    recorded = plugrad.autograd.grad((y * on(g)).sum(), [t for t in tensors if t is not None], create_graph=True)
    return [t.detach()._host() for t in recorded]


def check_gradients(function, arrays, g, tolerance=3e-4):
    expected = gradient_truth(function, arrays, g)
    for dtype, limit in ((np.float64, 1e-9), (np.float32, tolerance)):
        tensors = [None if a is None else on(a.astype(dtype), requires_grad=True) for a in arrays]
        function(*tensors).backward(on(g.astype(dtype)))
        for t, e in zip([t for t in tensors if t is not None], expected, strict=True):
            scale = max(np.abs(e).max(), 1.0) if e.size else 1.0
            assert_close(t.grad, e.astype(dtype), rtol=limit, atol=limit * scale)


@pytest.mark.device
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", BATCHES)
def test_gradients_of_large_batches(shape, training, affine):
    rng = np.random.default_rng(1)
    c = shape[1]
    x, g = rng.standard_normal(shape) + 0.5, rng.standard_normal(shape)
    w, b = rng.standard_normal((2, c)) if affine else (None, None)

    def function(x, w, b):
        dtype = x.dtype
        mean, var = on(np.full(c, 0.3)).to(dtype), on(np.full(c, 1.3)).to(dtype)
        return F.batch_norm(x, mean, var, w, b, training)

    check_gradients(function, [x, w, b], g)


ROWS = [((300, 70), 1), ((3, 40001), 1), ((7, 5, 33), 2), ((20000, 4), 1), ((1, 1), 1), ((2, 3, 50, 40), 2)]


@pytest.mark.device
@pytest.mark.parametrize("shift", [0.0, 300.0])
@pytest.mark.parametrize(("shape", "last"), ROWS)
def test_large_rows(shape, last, shift):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(shape) * 2 + shift).astype(np.float32).astype(np.float64)
    w, b = rng.standard_normal((2, *shape[-last:]))
    axes = tuple(range(len(shape) - last, len(shape)))
    layer_norm = reference.layer_norm(x, w, b, axes, 1e-5)[0]
    rms_norm = reference.rms_norm(x, w, axes, 1e-5)[0]
    for dtype, tolerance in ((np.float64, 1e-9), (np.float32, 2e-5 * (1 + shift / 20))):
        given, weight, bias = (on(a.astype(dtype)) for a in (x, w, b))
        y = F.layer_norm(given, shape[-last:], weight, bias)
        assert_close(y, layer_norm.astype(dtype), rtol=tolerance, atol=tolerance * np.abs(layer_norm).max())
        y = F.rms_norm(given, shape[-last:], weight, 1e-5)
        assert_close(y, rms_norm.astype(dtype), rtol=1e-5, atol=1e-5)


@pytest.mark.device
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("shape", "last"), ROWS)
def test_gradients_of_large_rows(shape, last, affine):
    rng = np.random.default_rng(1)
    x, g = rng.standard_normal(shape) + 0.5, rng.standard_normal(shape)
    w, b = rng.standard_normal((2, *shape[-last:])) if affine else (None, None)
    check_gradients(lambda x, w, b: F.layer_norm(x, shape[-last:], w, b), [x, w, b], g)
    check_gradients(lambda x, w: F.rms_norm(x, shape[-last:], w, 1e-6), [x, w], g)


@pytest.mark.device
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("shape", "groups"), [((30, 12), 3), ((3, 8, 300), 2), ((2, 6, 37, 41), 6), ((50, 64, 5), 1)])
def test_large_groups(shape, groups, affine):
    rng = np.random.default_rng(2)
    x, g = rng.standard_normal(shape) + 0.5, rng.standard_normal(shape)
    w, b = rng.standard_normal((2, shape[1])) if affine else (None, None)
    expected = reference.group_norm(x, w, b, groups, 1e-5)[0]
    y = F.group_norm(on(x), groups, *(None if p is None else on(p) for p in (w, b)))
    assert_close(y, expected, rtol=1e-10, atol=1e-10)
    check_gradients(lambda x, w, b: F.group_norm(x, groups, w, b), [x, w, b], g)


@pytest.mark.device
def test_constant_input_gives_the_bias():
    x = on(np.full((8, 3, 5), 7.3, np.float32))
    for y in (
        F.batch_norm(x, None, None, None, on(np.ones(3, np.float32)), True),
        F.layer_norm(x, (5,), None, on(np.ones(5, np.float32))),
        F.group_norm(x, 1, on(np.ones(3, np.float32)), on(np.ones(3, np.float32))),
    ):
        assert_close(y, np.ones((8, 3, 5), np.float32), rtol=2e-3)


# --- derivatives of order 1 and 2 ---
@pytest.mark.device
@pytest.mark.parametrize("training", [True, False])
def test_derivatives_of_batch_norm(training):
    rng = np.random.default_rng(3)
    x, w, b = (on(rng.standard_normal(s), requires_grad=True) for s in ((4, 2, 3), (2,), (2,)))
    mean, var = on(np.array([0.1, 0.2])), on(np.array([1.1, 0.7]))
    function = lambda x, w, b: F.batch_norm(x, mean.clone(), var.clone(), w, b, training)  # noqa: E731
    assert gradcheck(function, (x, w, b))
    assert gradgradcheck(function, (x, w, b))


@pytest.mark.device
@pytest.mark.parametrize(
    "name", ["layer_norm", "group_norm", "rms_norm", "instance_norm", "normalize", "local_response_norm"]
)
def test_derivatives(name):
    rng = np.random.default_rng(4)
    x = on(rng.standard_normal((2, 4, 3)), requires_grad=True)
    w = on(rng.standard_normal(4 if name in ("group_norm", "instance_norm") else 3), requires_grad=True)
    functions = {
        "layer_norm": (lambda x, w: F.layer_norm(x, (3,), w, w * 2), (x, w)),
        "rms_norm": (lambda x, w: F.rms_norm(x, (3,), w), (x, w)),
        "group_norm": (lambda x, w: F.group_norm(x, 2, w, w * 2), (x, w)),
        "instance_norm": (lambda x, w: F.instance_norm(x, weight=w, bias=w * 2), (x, w)),
        "normalize": (lambda x: F.normalize(x, dim=1), (x,)),
        "local_response_norm": (lambda x: F.local_response_norm(x, 3, 0.5), (x,)),
    }
    function, inputs = functions[name]
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


# --- what a layer does beyond the formula ---
@pytest.mark.device
def test_the_update_of_the_statistics_is_no_part_of_the_graph():
    m = plugrad.nn.BatchNorm1d(2)
    x = on(np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32), requires_grad=True)
    mean, version = m.running_mean, m.running_mean._version
    m(x).sum().backward()
    assert m.running_mean is mean
    assert not m.running_mean.requires_grad
    assert m.running_mean._version > version


@pytest.mark.device
def test_backward_in_evaluation_uses_the_statistics_of_its_forward():
    """A training step between forward and backward does not change the gradient that the forward asked for."""
    m = plugrad.nn.BatchNorm1d(1, affine=False)
    x = on(np.array([[1.0], [3.0]], np.float32), requires_grad=True)
    m.eval()
    y = m(x)
    m.train()
    m(on(np.array([[100.0], [300.0]], np.float32)))
    y.sum().backward()
    assert_close(x.grad, np.ones((2, 1), np.float32), rtol=1e-4)


@pytest.mark.device
def test_frozen_statistics_do_not_move():
    m = plugrad.nn.freeze(plugrad.nn.Sequential(plugrad.nn.BatchNorm1d(2), plugrad.nn.Linear(2, 1)), "0")
    m.train()
    before = copy.deepcopy(m[0].state_dict())
    m(on(np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32))).sum().backward()
    for name, value in m[0].state_dict().items():
        assert_close(value, before[name], rtol=0)


@pytest.mark.device
@pytest.mark.parametrize("layer", ["BatchNorm1d(3)", "LayerNorm(3)", "GroupNorm(1, 3)", "RMSNorm(3)"])
def test_bfloat16(layer):
    if getattr(plugrad.tensor(0.0)._xp, "bfloat16", None) is None:
        pytest.skip("no bfloat16 here")
    m = eval("plugrad.nn." + layer)
    x = on(np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32))
    narrow = x.to(plugrad.bfloat16).requires_grad_()
    expected = m(narrow.detach().float()).detach()
    y = m(narrow)
    assert y.dtype is plugrad.bfloat16
    y.float().sum().backward()
    assert narrow.grad.dtype is plugrad.bfloat16
    assert m.weight.grad.dtype is plugrad.float32
    assert_values(y.detach().float()._host(), expected._host(), rtol=2e-2, atol=2e-2)
