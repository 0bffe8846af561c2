"""GradScaler: program by program as torch's on the cpu, and what it costs and does on a device."""

import copy
import pickle

import pytest

import plugrad
from plugrad.backends import registry
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def parameter(t, *values, dtype="float32"):
    return t.tensor(values, dtype=getattr(t, dtype), requires_grad=True)


def sgd(t, *parameters, **options):
    return t.optim.SGD(parameters, lr=0.5, **options)


def scaler_of(t, **options):
    return t.amp.GradScaler("cpu", **{"init_scale": 8.0, "growth_interval": 2, **options})


def steps(t, scaler, optimizer, w, *factors):
    """Steps with gradients of these values; returns what holds after each."""
    found = []
    for factor in factors:
        optimizer.zero_grad()
        scaler.scale((w * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append((w.tolist(), scaler.get_scale(), scaler._get_growth_tracker()))
    return found


INF, NAN = float("inf"), float("nan")


@program
def good_and_bad_steps(t):
    w = parameter(t, 1.0, 2.0)
    return steps(t, scaler_of(t), sgd(t, w), w, 1.0, INF, 2.0, NAN, 1.0, 1.0, 1.0, 1.0)


@program
def momentum_is_left_alone_too(t):
    w = parameter(t, 1.0)
    optimizer = sgd(t, w, momentum=0.9)
    found = steps(t, scaler_of(t), optimizer, w, 1.0, INF, 1.0)
    return found, optimizer.state[w]["momentum_buffer"]


@program
def factors_of_their_own(t):
    w = parameter(t, 1.0)
    scaler = scaler_of(t, growth_factor=3.0, backoff_factor=0.25, growth_interval=1)
    return steps(t, scaler, sgd(t, w), w, 1.0, INF, 1.0)


@program
def a_scale_that_cannot_grow(t):
    w = parameter(t, 1.0)
    scaler = scaler_of(t, init_scale=3e38, growth_interval=1)
    return steps(t, scaler, sgd(t, w), w, 0.25, 0.25)


@program
def a_scale_that_is_no_power_of_two(t):
    found = []
    for dtype in ("float32", "bfloat16", "float64"):
        w = parameter(t, 1.0, 3.0, dtype=dtype)
        found.append(steps(t, scaler_of(t, init_scale=3.0), sgd(t, w), w, 0.3, 0.7))
    return found


@program
def several_losses_and_optimizers(t):
    a, b = parameter(t, 1.0), parameter(t, 2.0)
    first, second, scaler = sgd(t, a), sgd(t, b), scaler_of(t)
    one, (two, three) = scaler.scale([(a * b).sum(), ((a * 2).sum(), (b * INF).sum())])
    kinds = type(scaler.scale((a, b))).__name__, type(scaler.scale(x for x in (a, b))).__name__
    (one + two + three).backward()
    for optimizer in (first, second):
        scaler.step(optimizer)
    scaler.update()
    return a, b, kinds, scaler.state_dict()


@program
def gradients_in_few_digits(t):
    """The inverse of the scale is not rounded to the gradient's dtype first."""
    w = parameter(t, *(1.0 + i / 16 for i in range(16)), dtype="bfloat16")
    scaler = scaler_of(t, init_scale=7.0)
    scaler.scale((w * w).sum()).backward()
    scaled = w.grad.clone()
    scaler.unscale_(sgd(t, w))
    return scaled, w.grad


@program
def one_bad_gradient_among_good_ones(t):
    found = []
    for place in range(3):
        weights = [parameter(t, 1.0) for _ in range(3)]
        optimizer, scaler = sgd(t, *weights), scaler_of(t)
        scaler.scale(sum((w * (INF if i == place else 1.0)).sum() for i, w in enumerate(weights))).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append((weights, scaler.get_scale()))
    return found


@program
def clipping(t):
    w = parameter(t, 3.0, 4.0)
    optimizer, scaler = sgd(t, w), scaler_of(t)
    scaler.scale((w * w).sum()).backward()
    before = w.grad.clone()
    scaler.unscale_(optimizer)
    unscaled = w.grad.clone()
    norm = t.nn.utils.clip_grad_norm_([w], 1.0)
    scaler.step(optimizer)
    scaler.update()
    return before, unscaled, norm, w


@program
def what_step_returns(t):
    w = parameter(t, 1.0)
    optimizer, scaler = sgd(t, w), scaler_of(t)
    optimizer.step = lambda *args, **kwargs: ("stepped", args, kwargs)
    scaler.scale(w.sum()).backward()
    good = scaler.step(optimizer, 1, extra=2)
    scaler.update()
    w.grad.fill_(NAN)
    return good, scaler.step(optimizer)


@program
def new_scales(t):
    w = parameter(t, 1.0)
    scaler = scaler_of(t)
    scaler.scale(w)
    scaler.update(4.0)
    first = scaler.get_scale()
    given = t.tensor(2.0)
    scaler.update(given)
    given.fill_(7.0)
    return first, scaler.get_scale()


def taken(t, new_scale):
    scaler = scaler_of(t)
    scaler.scale(parameter(t, 1.0))
    scaler.update(new_scale)


@program
def getters_and_setters(t):
    scaler = scaler_of(t)
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.125)
    scaler.set_growth_interval(7)
    return scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval(), scaler.state_dict()


@program
def states(t):
    w = parameter(t, 1.0)
    scaler, late, early = scaler_of(t), scaler_of(t), scaler_of(t)
    steps(t, scaler, sgd(t, w), w, 1.0, INF, 1.0)
    state = scaler.state_dict()
    early.load_state_dict(state)
    late.scale(w)
    late.load_state_dict(state)
    return state, [(s.state_dict(), steps(t, s, sgd(t, w), w, 1.0)) for s in (late, early)]


@program
def switched_off(t):
    w = parameter(t, 1.0)
    optimizer, scaler = sgd(t, w), t.amp.GradScaler("cpu", growth_factor=0.5, enabled=False)
    loss = w.sum()
    same = scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scaler.load_state_dict({"scale": 3.0})
    return same, w, scaler.get_scale(), scaler.state_dict(), scaler.is_enabled(), scaler._get_growth_tracker()


@program
def an_optimizer_of_its_own(t):
    class Own(t.optim.SGD):
        _step_supports_amp_scaling = True

        def step(self):
            self.seen = [self.grad_scale, self.found_inf]

    w = parameter(t, 1.0)
    optimizer, scaler, found = Own([w], lr=0.5), scaler_of(t), []
    for factor in (1.0, INF):
        optimizer.zero_grad()
        scaler.scale((w * factor).sum()).backward()
        scaler.step(optimizer)
        found.append((optimizer.seen, w.grad.clone(), hasattr(optimizer, "grad_scale")))
        scaler.update()
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    return found, optimizer.seen, scaler.get_scale()


@program
def an_optimizer_that_takes_the_scaler(t):
    class Own(t.optim.SGD):
        _step_supports_amp_scaling = True

        def step(self, grad_scaler=None):
            return grad_scaler.get_scale()

    w = parameter(t, 1.0)
    scaler = scaler_of(t)
    scaler.scale(w.sum()).backward()
    return scaler.step(Own([w], lr=0.5))


# --- errors ---
def scaled(t, **options):
    w = parameter(t, 1.0, **options)
    optimizer, scaler = sgd(t, w), scaler_of(t)
    scaler.scale(w.sum()).backward()
    return scaler, optimizer


def twice(name, then=None):
    def program(t):
        scaler, optimizer = scaled(t)
        getattr(scaler, name)(optimizer)
        getattr(scaler, then or name)(optimizer)

    return program


def without_a_gradient(t):
    scaler = scaler_of(t)
    scaler.scale(parameter(t, 1.0))
    scaler.step(sgd(t, parameter(t, 1.0)))


def no_check_before_update(t):
    scaler, _ = scaled(t)
    scaler.update()


ERRORS = {
    "growth": lambda t: scaler_of(t, growth_factor=1.0),
    "backoff": lambda t: scaler_of(t, backoff_factor=1.0),
    "unscaled_twice": twice("unscale_"),
    "stepped_twice": twice("step"),
    "unscaled_after_step": twice("step", "unscale_"),
    "step_before_scale": lambda t: scaler_of(t).step(sgd(t, parameter(t, 1.0))),
    "unscale_before_scale": lambda t: scaler_of(t).unscale_(sgd(t, parameter(t, 1.0))),
    "update_before_scale": lambda t: scaler_of(t).update(),
    "closure": lambda t: scaled(t)[0].step(sgd(t, parameter(t, 1.0)), closure=lambda: 1),
    "without_a_gradient": without_a_gradient,
    "no_check_before_update": no_check_before_update,
    "half_gradients": lambda t: (lambda scaler, optimizer: scaler.step(optimizer))(*scaled(t, dtype="float16")),
    "scale_of_a_number": lambda t: scaler_of(t).scale(3.0),
    "scale_of_numbers": lambda t: scaler_of(t).scale([3.0]),
    "new_scale_too_long": lambda t: taken(t, t.ones(2)),
    "new_scale_with_gradient": lambda t: taken(t, t.ones(1, requires_grad=True)),
    "empty_state": lambda t: scaler_of(t).load_state_dict({}),
    "pickled_in_between": lambda t: pickle.dumps(stepped(t)),
}
PROGRAMS |= {f"error_{name}": error for name, error in ERRORS.items()}


def stepped(t):
    scaler, optimizer = scaled(t)
    scaler.step(optimizer)
    return scaler


@pytest.fixture(scope="module")
def expected():
    return golden(__file__)


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch(name, expected):
    if name in ("a_scale_that_is_no_power_of_two", "gradients_in_few_digits"):
        pytest.importorskip("ml_dtypes")
    assert differences(outcome(PROGRAMS[name], plugrad), expected[name], rel=1e-6) == []


# --- on any device ---
def on_the_device(**options):
    return plugrad.amp.GradScaler(plugrad.get_default_device().type, init_scale=8.0, growth_interval=2, **options)


@pytest.mark.device
def test_steps_on_the_device(device, expected):
    w = parameter(plugrad, 1.0, 2.0)
    found = steps(plugrad, on_the_device(), sgd(plugrad, w), w, 1.0, INF, 2.0, NAN, 1.0, 1.0, 1.0, 1.0)
    told = [[values, scale, count] for values, scale, count in found]
    assert told == expected["good_and_bad_steps"]["result"]
    assert w.device.type == device.type


@pytest.mark.device
def test_gradients_on_two_devices(xp):
    if xp.device_type != "cuda" or plugrad.cuda.device_count() < 2:
        pytest.skip("needs two cuda devices")
    a, b = (plugrad.ones(1, device=where).requires_grad_() for where in ("cuda:0", "cuda:1"))
    optimizer, scaler = sgd(plugrad, a, b), on_the_device()
    for factor in (INF, 1.0):
        optimizer.zero_grad()
        for loss in scaler.scale([a.sum(), (b * factor).sum()]):
            loss.backward()
        scaler.step(optimizer)
        scaler.update()
        assert b.item() == (1.0 if factor == INF else 0.5)
    assert a.item() == 0.5
    assert scaler.get_scale() == 4.0


@pytest.mark.cpu
def test_copies():
    w = parameter(plugrad, 1.0)
    scaler = scaler_of(plugrad)
    steps(plugrad, scaler, sgd(plugrad, w), w, 1.0, INF, 1.0)
    for other in (pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler)):
        assert other.state_dict() == scaler.state_dict()
        assert steps(plugrad, other, sgd(plugrad, w), w, 1.0)[0][1:] == (8.0, 0)


@pytest.fixture
def no_cuda(monkeypatch):
    def none(device_type):
        raise RuntimeError(f"nothing serves {device_type}")

    monkeypatch.setattr(registry, "spec_for", none)


def test_without_cuda(no_cuda):
    with pytest.warns(UserWarning, match="GradScaler is enabled, but CUDA is not available.  Disabling.") as seen:
        scaler = plugrad.amp.GradScaler()
    assert seen[0].filename == __file__
    assert not scaler.is_enabled()
    with pytest.warns(FutureWarning, match="Please use `torch.amp.GradScaler\\('cuda', args...\\)`") as seen:
        scaler = plugrad.cuda.amp.GradScaler(enabled=False)
    assert seen[0].filename == __file__
    assert scaler.get_scale() == 1.0
    assert plugrad.cuda.amp.amp_definitely_not_available()
    assert plugrad.GradScaler is plugrad.amp.GradScaler
