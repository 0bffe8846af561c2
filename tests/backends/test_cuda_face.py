"""plugrad.cuda where there is no device, as torch behaves there, and on the simulated one."""

import pytest

import plugrad
from plugrad_testing import import_plugin, registered

CALLS = {
    "is_available": lambda t: t.cuda.is_available(),
    "device_count": lambda t: t.cuda.device_count(),
    "current_device": lambda t: t.cuda.current_device(),
    "synchronize": lambda t: t.cuda.synchronize(),
    "synchronize number": lambda t: t.cuda.synchronize(0),
    "synchronize text": lambda t: t.cuda.synchronize("cuda:0"),
    "synchronize cpu": lambda t: t.cuda.synchronize("cpu"),
    "memory_allocated": lambda t: t.cuda.memory_allocated(),
    "memory_allocated number": lambda t: t.cuda.memory_allocated(0),
    "memory_allocated cpu": lambda t: t.cuda.memory_allocated("cpu"),
    "empty_cache": lambda t: t.cuda.empty_cache(),
    "is_initialized": lambda t: t.cuda.is_initialized(),
    "manual_seed": lambda t: t.cuda.manual_seed(3),
    "manual_seed_all": lambda t: t.cuda.manual_seed_all(3),
    "move": lambda t: t.ones(1).cuda(),
    "to": lambda t: t.ones(1).to("cuda"),
    "factory": lambda t: t.ones(1, device="cuda:1"),
}
NOT_COMPILED = (AssertionError, "Torch not compiled with CUDA enabled")
#: What torch 2.13 without CUDA answers; the test below asks it.
ANSWERS = {
    "is_available": False,
    "device_count": 0,
    "current_device": NOT_COMPILED,
    "synchronize": NOT_COMPILED,
    "synchronize number": NOT_COMPILED,
    "synchronize text": NOT_COMPILED,
    "synchronize cpu": NOT_COMPILED,
    "memory_allocated": 0,
    "memory_allocated number": 0,
    "memory_allocated cpu": 0,
    "empty_cache": None,
    "is_initialized": False,
    "manual_seed": None,
    "manual_seed_all": None,
    "move": NOT_COMPILED,
    "to": NOT_COMPILED,
    "factory": NOT_COMPILED,
}


def answer(call, library):
    try:
        return call(library)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.skipif(plugrad.cuda.is_available(), reason="there is a cuda device here")
@pytest.mark.parametrize("name", CALLS)
def test_without_a_device(name):
    ours = answer(CALLS[name], plugrad)
    if isinstance(ours, tuple):  # after torch's words come the reasons
        kind, text = ours
        start, _, reason = text.partition(": ")
        assert text == plugrad.cuda.why_unavailable()
        assert reason.startswith("no backend for device type 'cuda' is usable here (")
        ours = kind.__mro__[1], start
        assert issubclass(kind, RuntimeError)  # as every other device that there is no backend for
    assert ours == ANSWERS[name]


@pytest.mark.oracle
@pytest.mark.parametrize("name", CALLS)
def test_the_answers_are_those_of_torch(name):
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch has a cuda device here")
    assert answer(CALLS[name], torch) == ANSWERS[name]


@pytest.fixture
def simulated():
    plugin = import_plugin("plugrad_simcuda")
    with registered(*plugin.plugrad_backends()):
        yield plugin.simcupy


def test_on_a_device(simulated):
    assert plugrad.cuda.is_available()
    assert plugrad.cuda.device_count() == 2
    assert plugrad.cuda.current_device() == 0
    assert plugrad.cuda.why_unavailable() is None
    before = plugrad.cuda.memory_allocated()
    held = plugrad.ones(100, device="cuda")
    assert plugrad.cuda.memory_allocated() == before + held.nbytes
    for device in (None, 1, "cuda:1", plugrad.device("cuda", 0)):
        with simulated.counting() as seen:
            plugrad.cuda.synchronize(device)
        assert seen.syncs == 1


@pytest.mark.parametrize("name", ["synchronize", "memory_allocated"])
def test_a_device_of_another_type_is_refused(simulated, name):
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        getattr(plugrad.cuda, name)("cpu")


def test_seeding_a_device_seeds_the_one_stream(simulated):
    plugrad.cuda.manual_seed_all(5)
    drawn = plugrad.rand(3, device="cuda").tolist()
    plugrad.manual_seed(5)
    assert drawn == plugrad.rand(3, device="cpu").tolist()


def test_emptying_the_cache_keeps_what_is_in_use(simulated):
    x = plugrad.ones(3, device="cuda:1")
    plugrad.cuda.empty_cache()
    assert x.sum().item() == 3
