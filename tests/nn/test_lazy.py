"""Lazy layers and uninitialized parameters: program by program as torch."""

import copy
import gc
import pickle

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}

# --- layers: the class, the repr, the drawn values, the next random number ---
LAYERS = {
    "LazyLinear(3)": (4, 5),
    "LazyLinear(3, bias=False)": (2, 4, 5),
    "LazyLinear(3, dtype=t.float64)": (4, 5),
    "LazyConv1d(4, 3, padding=1)": (2, 3, 5),
    "LazyConv1d(4, 3, stride=2, bias=False, padding_mode='circular')": (3, 5),
    "LazyConv2d(4, (3, 2), groups=2)": (1, 4, 5, 5),
    "LazyConv2d(4, 3, padding='same', dilation=2)": (3, 5, 5),
    "LazyConv3d(2, 2)": (1, 3, 3, 3, 3),
    "LazyConvTranspose1d(4, 3, stride=2)": (2, 3, 5),
    "LazyConvTranspose2d(4, 3, 2, 1, 1, groups=2)": (1, 2, 4, 4),
    "LazyConvTranspose3d(2, 2, bias=False)": (3, 2, 2, 2),
    "LazyBatchNorm1d()": (4, 3),
    "LazyBatchNorm1d(1e-3, 0.2, affine=False)": (4, 3, 2),
    "LazyBatchNorm2d(track_running_stats=False)": (2, 3, 2, 2),
    "LazyBatchNorm2d(bias=False)": (2, 3, 2, 2),
    "LazyBatchNorm3d(momentum=None)": (2, 3, 2, 2, 2),
    "LazyInstanceNorm1d()": (2, 3, 4),
    "LazyInstanceNorm2d(affine=False)": (2, 3, 4, 2),
    "LazyInstanceNorm3d(track_running_stats=False)": (1, 3, 4, 2, 2),
}


def values(t, *shape):
    count = 1
    for n in shape:
        count *= n
    return ((t.arange(count, dtype=t.float32) * 5 % 13 - 6) / 4).reshape(shape)


def first_call(text, shape):
    def program(t):
        t.manual_seed(2)
        m = eval("t.nn." + text, {"t": t})
        before = repr(m), list(m.state_dict()), [str(v) for v in m.parameters()], m.has_uninitialized_params()
        x = values(t, *shape).to(t.float64 if "float64" in text else t.float32)
        y = m(x)
        state = {k: v.detach() for k, v in m.state_dict().items()}
        again = m(x)
        after = type(m).__name__, repr(m), hasattr(m, "_initialize_hook"), len(m._forward_pre_hooks)
        return before, after, state, y.detach(), again.detach(), t.rand(1)

    return program


for text, shape in LAYERS.items():
    PROGRAMS[f"layer-{text}"] = first_call(text, shape)


def model(t):
    t.manual_seed(0)
    m = t.nn.Sequential(t.nn.LazyConv2d(4, 3), t.nn.LazyBatchNorm2d(), t.nn.Flatten(), t.nn.LazyLinear(2))
    m(values(t, 2, 3, 5, 5))
    optimizer = t.optim.SGD(m.parameters(), lr=0.1)
    loss = m(values(t, 2, 3, 5, 5)).square().sum()
    loss.backward()
    optimizer.step()
    return repr(m), loss.detach(), [p.detach() for p in m.parameters()]


PROGRAMS["model"] = model


# --- state ---
def loaded(t, assign):
    t.manual_seed(1)
    m = t.nn.LazyLinear(3)
    answer = m.load_state_dict(t.nn.Linear(2, 3).state_dict(), assign=assign)
    before = repr(m), type(m).__name__, m.weight.detach(), m.has_uninitialized_params()
    y = m(t.ones(1, 2))
    return str(answer), before, y.detach(), repr(m), t.rand(1)


def loaded_norm(t):
    m, full = t.nn.LazyBatchNorm1d(), t.nn.BatchNorm1d(3)
    full(values(t, 4, 3))
    m.load_state_dict(full.state_dict())
    return m.running_mean, m.num_batches_tracked, type(m.running_mean).__name__, m.eval()(values(t, 4, 3)).detach()


def lazy_to_lazy(t):
    m = t.nn.LazyBatchNorm1d()
    return str(m.load_state_dict(t.nn.LazyBatchNorm1d().state_dict())), repr(m.weight), m.has_uninitialized_params()


PROGRAMS |= {
    "load": lambda t: loaded(t, False),
    "load-assign": lambda t: loaded(t, True),
    "load-norm": loaded_norm,
    "load-lazy-to-lazy": lazy_to_lazy,
    "load-lazy": lambda t: t.nn.Linear(2, 3).load_state_dict(t.nn.LazyLinear(3).state_dict()),
    "load-missing": lambda t: t.nn.LazyLinear(3).load_state_dict(t.nn.Linear(2, 3, bias=False).state_dict()),
    "load-other-size": lambda t: (
        [m := t.nn.LazyLinear(3), m.load_state_dict(t.nn.Linear(2, 3).state_dict())] and m(t.ones(1, 4))
    ),
    "state-keep-vars": lambda t: [repr(v) for v in t.nn.LazyBatchNorm1d().state_dict(keep_vars=True).values()],
    "double": lambda t: [
        [str(p.dtype) for p in m.parameters()] + [str(b.dtype) for b in m.buffers()] + [repr(m.weight)]
        for m in (t.nn.LazyBatchNorm1d().double(), t.nn.LazyLinear(2).to(t.float64))
    ],
    "half": lambda t: [str(p.dtype) for p in t.nn.LazyLinear(2).half().parameters()],
    "double-called": lambda t: str(t.nn.LazyLinear(2).double()(t.ones(1, 3).double()).dtype),
}


def copied(t, how):
    m = t.nn.Sequential(t.nn.LazyLinear(3), t.nn.ReLU())
    other = how(m)
    t.manual_seed(4)
    y = other(values(t, 2, 5))
    return repr(other), y.detach(), repr(m), repr(m[0].weight), m(values(t, 2, 4)).shape


PROGRAMS |= {
    "deepcopy": lambda t: copied(t, copy.deepcopy),
    "pickle": lambda t: copied(t, lambda m: pickle.loads(pickle.dumps(m))),
    "pickle-norm": lambda t: (
        m := pickle.loads(pickle.dumps(t.nn.LazyBatchNorm1d())),
        repr(m),
        repr(m.running_mean),
        m(values(t, 4, 3)).detach(),
    )[1:],
}


# --- parameters and buffers without a shape ---
def materialized(t):
    p = t.nn.UninitializedParameter(requires_grad=False, dtype=t.float64)
    b = t.nn.UninitializedBuffer()
    before = repr(p), repr(b), p.requires_grad, str(p.dtype), p.size(), p.ndim, p.grad, p.is_leaf, p.data
    found = t.nn.parameter.is_lazy(p), t.nn.parameter.is_lazy(b), isinstance(p, t.nn.Parameter)
    p.materialize((2, 3))
    b.materialize([2], dtype=t.int64)
    after = type(p).__name__, p.shape, str(p.dtype), p.requires_grad, type(b).__name__, b.shape, str(b.dtype)
    return before, found, after, t.nn.parameter.is_lazy(p), repr(copy.deepcopy(t.nn.UninitializedParameter()))


PROGRAMS["materialize"] = materialized
PROGRAMS["same-to"] = lambda t: [p := t.nn.UninitializedParameter(), p.to(t.float32) is p, p.float() is p][1:]
PROGRAMS["shape"] = lambda t: t.nn.UninitializedParameter().shape
PROGRAMS["share_memory_"] = lambda t: t.nn.UninitializedBuffer().share_memory_()

# --- errors ---


def unready(t):
    class Unready(t.nn.modules.lazy.LazyModuleMixin, t.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = t.nn.UninitializedParameter()

        def initialize_parameters(self, x):
            self.seen = x

        def forward(self, x):
            return x

    return Unready()(1)


def undefined(t):
    class Undefined(t.nn.modules.lazy.LazyModuleMixin, t.nn.Module):
        pass

    return Undefined()(1)


PROGRAMS |= {
    "error-groups": lambda t: t.nn.LazyConv2d(4, 3, groups=2)(t.ones(1, 3, 5, 5)),
    "error-rank": lambda t: t.nn.LazyConv2d(4, 3)(t.ones(3, 5)),
    "error-norm-rank": lambda t: t.nn.LazyBatchNorm2d()(t.ones(2, 3)),
    "error-norm-vector": lambda t: t.nn.LazyInstanceNorm1d()(t.ones(2)),
    "error-unready": unready,
    "error-undefined": undefined,
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n == "half" else n for n in PROGRAMS])
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 3e-6, absolute=1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


# torch names C functions in this text, we our own.
USES = {
    "add": lambda p: p + 1,
    "sum": lambda p: plugrad.sum(p),
    "dim": lambda p: p.dim(),
    "detach": lambda p: p.detach(),
    "linear": lambda p: plugrad.nn.functional.linear(plugrad.ones(1, 2), p),
    "uniform_": lambda p: plugrad.nn.init.uniform_(p),
    "clone": lambda p: p.clone(),
    "tolist": lambda p: p.tolist(),
}


@pytest.mark.parametrize("kind", [plugrad.nn.UninitializedParameter, plugrad.nn.UninitializedBuffer])
@pytest.mark.parametrize("name", USES)
def test_a_use_before_the_shape_is_known_raises(name, kind):
    with pytest.raises(ValueError, match=r"uninitialized parameter in \w+\. .*LazyModules? Call `forward`") as caught:
        USES[name](kind())
    assert f"parameter in {name}." in str(caught.value)
    assert f"torch.nn.parameter.{kind.__name__}" in str(caught.value)


def test_the_first_call_leaves_no_hooks_that_later_calls_pay_for():
    layer = plugrad.nn.LazyLinear(2)
    assert layer._module_hooks is not None
    layer(plugrad.ones(1, 3))
    assert layer._module_hooks is None


def test_a_hook_of_the_user_stays():
    layer, calls = plugrad.nn.LazyLinear(2), []
    layer.register_forward_hook(lambda module, args, output: calls.append(type(module).__name__))
    layer(plugrad.ones(1, 3))
    layer(plugrad.ones(1, 3))
    assert calls == ["Linear", "Linear"]


def test_a_layer_that_was_called_is_freed_without_the_collector():
    layer = plugrad.nn.LazyLinear(2)
    layer(plugrad.ones(1, 3))
    gc.collect()
    del layer
    assert gc.collect() == 0
