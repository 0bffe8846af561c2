"""torch.layer_norm, torch.dropout and other top-level forms of functions of layers, and their ``out=``, as torch."""

import warnings

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}


def ramp(t, *shape):
    count = 1
    for n in shape:
        count *= n
    return ((t.arange(count, dtype=t.float32) * 5 % 13 - 6) / 4).reshape(shape).detach()


def recorded(t, y, *leaves):
    """The result, the name of its node and the gradients of a weighted sum."""
    (y * ramp(t, *y.shape)).sum().backward()
    return y.detach(), y.grad_fn.name(), [leaf.grad for leaf in leaves]


# --- normalizations ---
def batch(t):
    x, w, b = ramp(t, 4, 3, 2).requires_grad_(), (ramp(t, 3) + 2).requires_grad_(), ramp(t, 3).requires_grad_()
    mean, var = t.zeros(3), t.ones(3)
    y = t.batch_norm(x, w, b, mean, var, True, 0.3, 1e-3, False)
    return recorded(t, y, x, w, b), mean, var, t.batch_norm(x.detach(), None, None, mean, var, False, 0.1, 1e-5, True)


def instance(t):
    x, w = ramp(t, 4, 3, 5).requires_grad_(), (ramp(t, 3) + 2).requires_grad_()
    mean, var = t.zeros(3), t.ones(3)
    return recorded(t, t.instance_norm(x, w, None, mean, var, True, 0.3, 1e-3, False), x, w), mean, var


def layer(t):
    x, w = ramp(t, 4, 3).requires_grad_(), (ramp(t, 3) + 2).requires_grad_()
    return recorded(t, t.layer_norm(x, (3,), w, None, 1e-3, False), x, w)


def group(t):
    x, b = ramp(t, 2, 4, 3).requires_grad_(), ramp(t, 4).requires_grad_()
    return recorded(t, t.group_norm(x, 2, t.ones(4), b, eps=1e-3, cudnn_enabled=False), x, b)


def nothing(t, training):
    """The running statistics stay, whatever their shape."""
    mean, var = t.ones(2), t.ones(2)
    x, w = t.zeros(0, 3, requires_grad=True), t.ones(3, requires_grad=True)
    y = t.nn.functional.batch_norm(x, mean, var, w, training=training)
    y.sum().backward()
    empty = t.zeros(0)
    return y.detach(), y.grad_fn.name(), x.grad, w.grad, mean, t.nn.functional.batch_norm(empty, empty, empty).shape


def complex_rms(t):
    x = t.complex(ramp(t, 2, 3), ramp(t, 2, 3) / 2 + 1).detach().requires_grad_()
    w = t.complex(ramp(t, 3), ramp(t, 3) + 1).detach().requires_grad_()
    y = t.nn.functional.rms_norm(x, (3,), w, 0.5)
    y.abs().sum().backward()
    return t.view_as_real(y.detach()), [t.view_as_real(leaf.grad) for leaf in (x, w)], y.grad_fn.name()


PROGRAMS |= {
    "batch_norm": batch,
    "batch_norm-one-value": lambda t: (
        t.batch_norm(ramp(t, 1, 3), None, None, None, None, True, 0.1, 1e-5, False).abs() < 1e-4
    ),
    "batch_norm-no-flag": lambda t: t.batch_norm(ramp(t, 4, 3), None, None, None, None, True, 0.1, 1e-5, 1),
    "batch_norm-no-statistics": lambda t: t.batch_norm(ramp(t, 4, 3), None, None, None, None, False, 0.1, 1e-5, False),
    "batch_norm-size": lambda t: t.batch_norm(ramp(t, 4, 3), None, None, t.ones(2), t.ones(3), True, 0.1, 1e-5, False),
    "batch_norm-nothing": lambda t: nothing(t, False),
    "batch_norm-nothing-training": lambda t: nothing(t, True),
    "batch_norm-vector": lambda t: t.nn.functional.batch_norm(t.ones(3), t.ones(3), t.ones(3)),
    "instance_norm": instance,
    "instance_norm-one-value": lambda t: (
        t.instance_norm(ramp(t, 2, 3, 1), None, None, None, None, True, 0.1, 1e-5, True).abs() < 1e-4
    ),
    "instance_norm-no-statistics": lambda t: t.instance_norm(
        ramp(t, 2, 3, 2), None, None, None, None, False, 0.1, 1e-5, True
    ),
    "layer_norm": layer,
    "layer_norm-int": lambda t: t.layer_norm(ramp(t, 2, 3), 3),
    "layer_norm-no-flag": lambda t: t.layer_norm(ramp(t, 2, 3), [3], cudnn_enable=1),
    "group_norm": group,
    "group_norm-one-value": lambda t: t.group_norm(ramp(t, 2, 1, 1), 1),
    "group_norm-no-groups": lambda t: t.group_norm(ramp(t, 2, 1, 1), 0),
    "group_norm-groups": lambda t: t.group_norm(ramp(t, 2, 3, 1), 2),
    "group_norm-vector": lambda t: t.group_norm(ramp(t, 2), 1),
    "rms_norm": lambda t: t.rms_norm(ramp(t, 2, 3), [3], None, 1e-3),
    "rms_norm-complex": complex_rms,
    "rms_norm-complex-eps": lambda t: t.view_as_real(t.rms_norm(t.complex(ramp(t, 2, 3), ramp(t, 2, 3) / 2 + 1), (3,))),
    "rms_norm-int": lambda t: t.rms_norm(t.ones(2, 3).long(), (3,)),
    **{
        f"local_response_norm-{kind}-{rank}": lambda t, k=kind, r=rank: t.nn.functional.local_response_norm(
            ((t.arange(6 * 2 ** (r - 2)) * 5 % 13) - 6).reshape(1, 6, *(2,) * (r - 2)).to(getattr(t, k)), 3, 0.5, 0.75
        )
        for kind in ("int64", "int32", "float32")
        for rank in (3, 4, 5)
    },
}

# --- activations, pooling, convolution ---
FORMS = {
    "celu": lambda t, x: t.celu(x, 2.0),
    "selu": lambda t, x: t.selu(x),
    "threshold": lambda t, x: t.threshold(x, 0.0, 0.5),
    "hardshrink": lambda t, x: t.hardshrink(x, 0.3),
    "prelu": lambda t, x: t.prelu(x, t.tensor([0.5])),
    "in-place": lambda t, x: [
        t.celu_(x.clone()),
        t.relu_(x.clone()),
        t.selu_(x.clone()),
        t.threshold_(x.clone(), 0.0, 2.0),
        t.rrelu_(x.clone()),
    ],
    "adaptive_avg_pool1d": lambda t, x: t.adaptive_avg_pool1d(x, 3),
    "adaptive_max_pool1d": lambda t, x: t.adaptive_max_pool1d(x, 3),
    "avg_pool1d": lambda t, x: t.avg_pool1d(x, 2),
    "max_pool1d": lambda t, x: t.max_pool1d(x, 2, [], 1),
    "max_pool1d_with_indices": lambda t, x: t.max_pool1d_with_indices(x, 2),
    "max_pool2d": lambda t, x: t.max_pool2d(x, 2, 1),
    "max_pool3d": lambda t, x: t.max_pool3d(x[None], (1, 2, 2), ceil_mode=True),
    "conv1d": lambda t, x: t.conv1d(x, t.ones(2, 3, 2)),
    "conv2d": lambda t, x: t.conv2d(x, t.ones(1, 2, 2, 2)),
    "conv3d": lambda t, x: t.conv3d(x[None], t.ones(1, 1, 1, 2, 2)),
    "conv_transpose1d": lambda t, x: t.conv_transpose1d(x, t.ones(3, 1, 2)),
    "conv_transpose2d": lambda t, x: t.conv_transpose2d(x, t.ones(2, 1, 2, 2)),
    "conv_transpose3d": lambda t, x: t.conv_transpose3d(x[None], t.ones(1, 1, 1, 2, 2)),
    "bilinear": lambda t, x: t.bilinear(x, x, t.ones(1, 4, 4)),
    "cosine_similarity": lambda t, x: t.cosine_similarity(x, x + 1, 2),
    "pairwise_distance": lambda t, x: t.pairwise_distance(x, x + 1),
    "embedding": lambda t, x: t.embedding(x[0], t.tensor([2, 0, 1]), 1),
    "embedding-outside": lambda t, x: t.embedding(x[0], t.tensor([2, 0]), 9),
}
PROGRAMS |= {name: lambda t, f=form: f(t, ramp(t, 2, 3, 4)) for name, form in FORMS.items()}


def drawn(name, *args):
    def program(t):
        t.manual_seed(5)
        return getattr(t, name)(ramp(t, 3, 4, 2), *args), t.rand(1)

    return program


for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"):
    PROGRAMS |= {
        f"{name}-{p}-{train}": drawn(name, p, train) for p, train in ((0.5, True), (0.5, False), (1.0, True), (0, True))
    }
    PROGRAMS[f"{name}-in-place"] = drawn(f"{name}_", 0.3, True)
    PROGRAMS[f"{name}-probability"] = drawn(name, 1.5, True)
PROGRAMS |= {
    "feature_dropout-vector": lambda t: t.feature_dropout(t.ones(3), 0.5, True),
    "rrelu": drawn("rrelu", 0.1, 0.4, True),
    "rrelu-bounds": drawn("rrelu", 0.4, 0.1),
    "rrelu-generator": lambda t: t.rrelu(ramp(t, 9), 0.1, 0.4, True, t.Generator().manual_seed(3)),
}

# --- losses ---
LOSSES = {
    "binary_cross_entropy_with_logits": lambda t, f, x, y, r: f(x, (y > 0).float(), None, None, r),
    "cosine_embedding_loss": lambda t, f, x, y, r: f(x, y, t.tensor([1, -1, 1]), 0.1, r),
    "hinge_embedding_loss": lambda t, f, x, y, r: f(x, (y > 0) * 2 - 1, 0.5, r),
    "kl_div": lambda t, f, x, y, r: f(x, y, r, log_target=True),
    "margin_ranking_loss": lambda t, f, x, y, r: f(x, y, (y > 0) * 2.0 - 1, 0.5, r),
    "poisson_nll_loss": lambda t, f, x, y, r: f(x, y.abs(), True, True, 1e-8, r),
    "triplet_margin_loss": lambda t, f, x, y, r: f(x, y, y + 1, 0.5, 2.0, 1e-6, True, r),
}
for name, call in LOSSES.items():
    for reduction in (0, 1, 2, 7, "mean"):
        PROGRAMS[f"{name}-{reduction}"] = lambda t, n=name, c=call, r=reduction: c(
            t, getattr(t, n), ramp(t, 3, 4), ramp(t, 3, 4) * 0.7 + 0.3, r
        )
PROGRAMS |= {
    "losses-unnamed": lambda t: [
        t.binary_cross_entropy_with_logits(t.ones(3), t.ones(3)),
        t.cosine_embedding_loss(t.ones(3, 2), t.ones(3, 2), t.ones(3)),
        t.hinge_embedding_loss(t.ones(3), t.ones(3)),
        t.kl_div(t.ones(3), t.ones(3)),
        t.margin_ranking_loss(t.ones(3), t.ones(3), t.ones(3)),
        t.triplet_margin_loss(t.ones(3, 2), t.ones(3, 2), t.zeros(3, 2)),
    ]
}
PROGRAMS["triplet_margin_loss-margin"] = lambda t: t.triplet_margin_loss(t.ones(1, 2), t.ones(1, 2), t.ones(1, 2), -1.0)

# --- out= ---
OUTS = {
    "avg_pool2d": lambda t, x, out: t.nn.functional.avg_pool2d(x, 2, out=out),
    "avg_pool3d": lambda t, x, out: t.nn.functional.avg_pool3d(x[None], (1, 2, 2), out=out),
    "gelu": lambda t, x, out: t.nn.functional.gelu(x, out=out),
    "gelu-tanh": lambda t, x, out: t.nn.functional.gelu(x, approximate="tanh", out=out),
    "hardshrink": lambda t, x, out: t.hardshrink(x, 0.3, out=out),
    "logsigmoid": lambda t, x, out: t.nn.functional.logsigmoid(x, out=out),
    "softplus": lambda t, x, out: t.nn.functional.softplus(x, 2, out=out),
    "softshrink": lambda t, x, out: t.nn.functional.softshrink(x, 0.3, out=out),
    "linear": lambda t, x, out: t.nn.functional.linear(x, t.ones(2, 4), t.ones(2), out=out),
    "linear-no-bias": lambda t, x, out: t.nn.functional.linear(x, t.ones(2, 4), out=out),
    "softmax": lambda t, x, out: t.softmax(x, 1, out=out),
    "log_softmax": lambda t, x, out: t.log_softmax(x, 1, out=out),
    "threshold": lambda t, x, out: t.threshold(x, 0.0, 0.5, out=out),
}


def filled(call):
    def program(t):
        x, out = ramp(t, 2, 3, 4), t.zeros(0)
        y = call(t, x, out)
        return y, y is out, y.requires_grad

    return program


def resized(call):
    def program(t):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            return call(t, ramp(t, 2, 3, 4), t.zeros(3)), len(caught) > 0 or t.__name__ == "torch"

    return program


def with_grad(call, of_out):
    def program(t):
        x, out = ramp(t, 2, 3, 4), t.zeros(0)
        (out if of_out else x).requires_grad_()
        y = call(t, x, out)
        with t.no_grad():
            again = call(t, x, t.zeros(0))
        return y.detach(), y.requires_grad, again, y.sum().backward()

    return program


for name, call in OUTS.items():
    PROGRAMS |= {
        f"out-{name}": filled(call),
        f"out-{name}-resized": resized(call),
        f"out-{name}-double": lambda t, c=call: c(t, ramp(t, 2, 3, 4), t.zeros(0, dtype=t.float64)),
        f"out-{name}-int": lambda t, c=call: c(t, ramp(t, 2, 3, 4), t.zeros(0, dtype=t.int64)),
        f"out-{name}-grad": with_grad(call, False),
        f"out-{name}-out-grad": with_grad(call, True),
        f"out-{name}-number": lambda t, c=call: c(t, ramp(t, 2, 3, 4), 3),
    }
REFUSED = {
    "Tensor.softmax": lambda t, x: x.softmax(1, out=x),
    "Tensor.log_softmax": lambda t, x: x.log_softmax(1, out=x),
    "special.softmax": lambda t, x: t.special.softmax(x, 1, out=x),
    "functional.softmax": lambda t, x: t.nn.functional.softmax(x, 1, out=x),
    "avg_pool1d": lambda t, x: t.nn.functional.avg_pool1d(x, 2, out=x),
    "selu": lambda t, x: t.selu(x, out=x),
    "embedding": lambda t, x: t.embedding(x[0], t.tensor([1]), out=x),
}

#: An index is looked at only where values are at hand; the walk knows complex gradients by the identity of their dtype,
#: which the arrays of some libraries do not keep.
ONLY_NUMPY = {"embedding-outside", "rms_norm-complex"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 3e-6, absolute=3e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", REFUSED)
def test_out_is_refused_where_torch_has_none(name):
    with pytest.raises(TypeError, match="unexpected keyword argument 'out'"):
        REFUSED[name](plugrad, plugrad.ones(1, 3, 4))
