"""One backend a run: ``pytest --backend=NAME`` puts every tensor that a test makes on that backend's device."""

import importlib.util
import os
from pathlib import Path

import pytest

import plugrad
from plugrad.backends import registry
from plugrad.core.device import set_default_device, space
from plugrad_testing import import_plugin

#: Backends whose plugins lie in this folder, so that they can be tested without being installed.
OWN_PLUGINS = {"strict": "plugrad_strict", "simcuda": "plugrad_simcuda"}
MARKERS = {
    "device": "computes, so it needs a working device of the backend under test",
    "cpu": "about numpy memory, printed cpu tensors and the like: only with --backend=numpy",
    "oracle": "compares with torch; skipped where torch is not installed",
    "rows": "a table over every row of the ops: half of the suite's time, and the same with every interpreter",
    "slow": "takes more than a few seconds",
}


def pytest_addoption(parser):
    parser.addoption("--backend", default="numpy", metavar="NAME", help="the array backend under test (default: numpy)")


def pytest_configure(config):
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    # log(0) is a value in torch; a library that computes by numpy lets it warn.
    config.addinivalue_line(
        "filterwarnings", "ignore:(divide by zero|overflow|invalid value) encountered:RuntimeWarning:array_api_strict"
    )
    name = config.getoption("--backend")
    config.plugrad_origin = find_backend(name)
    config.plugrad_why_not = registry.available_backends()[name]
    if config.plugrad_why_not is not None:
        if os.environ.get("PLUGRAD_REQUIRE_DEVICE"):
            raise pytest.UsageError(
                f"PLUGRAD_REQUIRE_DEVICE is set, but backend {name} is not usable: {config.plugrad_why_not}"
            )
        return
    where = registry._specs()[name].device_types[0]
    if space(where).name != name:
        raise pytest.UsageError(
            f"--backend={name}: device type {where!r} is served by backend {space(where).name!r} here"
        )
    set_default_device(None if where == "cpu" else where)


def pytest_unconfigure(config):
    set_default_device(None)


def find_backend(name):
    """Make sure the backend is known, from this folder if need be; returns where it came from."""
    if name not in registry.available_backends() and name in OWN_PLUGINS:
        (spec,) = import_plugin(OWN_PLUGINS[name]).plugrad_backends()
        registry.register(spec)
        return "registered by hand"
    if name not in registry.available_backends():
        raise pytest.UsageError(
            f"--backend={name}: no such backend; there are {', '.join(registry.available_backends())}"
        )
    return "built in" if name in ("numpy", "cupy") else "found by its entry point"


def pytest_report_header(config):
    name = config.getoption("--backend")
    state = config.plugrad_why_not or "usable"
    folder = Path(plugrad.__file__).parent
    return f"plugrad {plugrad.__version__} from {folder}, backend {name} ({config.plugrad_origin}): {state}"


def pytest_collection_modifyitems(config, items):
    name, why = config.getoption("--backend"), config.plugrad_why_not
    no_device = pytest.mark.skip(reason=f"backend {name} has no device here: {why}")
    cpu_only = pytest.mark.skip(reason=f"about the cpu, not about backend {name}")
    no_torch = pytest.mark.skip(reason="torch is not installed")
    torch_is_there = importlib.util.find_spec("torch") is not None
    for item in items:
        if why is not None and item.get_closest_marker("device"):
            item.add_marker(no_device)
        if name != "numpy" and item.get_closest_marker("cpu"):
            item.add_marker(cpu_only)
        if not torch_is_there and item.get_closest_marker("oracle"):
            item.add_marker(no_torch)


@pytest.fixture
def device(request):
    """The device under test; a test that asks for it is skipped where it does not work."""
    if request.config.plugrad_why_not is not None:
        pytest.skip(
            f"backend {request.config.getoption('--backend')} has no device here: {request.config.plugrad_why_not}"
        )
    return plugrad.get_default_device()


@pytest.fixture
def xp(device):
    """The namespace of the device under test."""
    return space(device)
