"""Discovery of backends: what is missing is said at once, and a broken plugin harms nobody but itself."""

import json
import os
import subprocess
import sys

import pytest

import plugrad
from plugrad.backends import API_VERSION, REQUIRED, Backend, BackendSpec, registry
from plugrad.backends.numpy_backend import NumpyBackend
from plugrad.core.device import space
from plugrad_testing import registered


class Copy(NumpyBackend):
    """A backend that works."""


def spec(name="copy", load=lambda: Copy, types=None, **options):
    return BackendSpec(name, types or (name,), load, **options)


# --- by hand ---
def test_a_registered_backend_serves_its_device_type():
    with registered(spec()):
        t = plugrad.ones(2, device="copy")
        assert isinstance(t._xp, Copy)
        assert str(t.device) == "copy:0"
        assert (t + t).tolist() == [2.0, 2.0]
        assert registry.status()["copy"]["usable"]
    assert "copy" not in registry.available_backends()
    with pytest.raises(RuntimeError, match="device type at start of device string: copy"):
        plugrad.ones(2, device="copy")


def test_registering_leaves_other_namespaces_alone():
    before = space("cpu")
    with registered(spec()):
        assert space("cpu") is before
        assert space(plugrad.device("cpu", 0)) is before
        assert registry.namespace("cpu") is before
    assert registry.namespace("cpu") is before


def test_the_backend_registered_last_is_asked_first():
    class Other(NumpyBackend):
        """Another one."""

    with registered(spec("one", types=("shared",)), spec("two", lambda: Other, types=("shared",))):
        assert isinstance(registry.namespace("shared"), Other)


def test_a_registered_backend_replaces_one_of_its_name():
    class Newer(NumpyBackend):
        """The replacement."""

    with registered(spec()):
        assert not isinstance(registry.namespace("copy"), Newer)
        registry.register(spec(load=lambda: Newer))
        assert isinstance(registry.namespace("copy"), Newer)


def test_only_specs_can_be_registered():
    with pytest.raises(TypeError, match="must return BackendSpec objects, not str"):
        registry.register("numpy")
    with pytest.raises(TypeError, match=f"interface version {API_VERSION + 1}, this plugrad has {API_VERSION}"):
        registry.register(spec(api_version=API_VERSION + 1))


def test_unregister_wants_what_was_registered():
    with pytest.raises(ValueError, match="no backend 'numpy' was registered by hand"):
        registry.unregister("numpy")


# --- what is wrong is said ---
def test_all_missing_names_are_reported_at_once():
    class Partial(Backend):
        """A backend that has but two of the names."""

        array_type = list
        add = max

    with registered(spec("partial", lambda: Partial)):
        with pytest.raises(RuntimeError, match="its namespace lacks") as caught:
            registry.namespace("partial")
        listed = str(caught.value).rpartition(": ")[2].split(", ")
        assert listed == [n for n in " ".join(REQUIRED.values()).split() if n not in ("array_type", "add")]
        assert f"lacks {len(listed)} required name(s)" in str(caught.value)
        assert registry.status()["partial"]["why"] in str(caught.value)


def test_an_unusable_backend_says_why():
    with registered(spec("broken", types=("odd",), probe=lambda: "no such hardware")):
        assert not registry.status()["broken"]["usable"]
        with pytest.raises(
            RuntimeError, match=r"no backend for device type 'odd' is usable here \(broken: no such hardware\)"
        ):
            plugrad.zeros(1, device="odd")


def test_a_probe_that_fails_is_a_reason():
    def probe():
        raise OSError("driver too old")

    with registered(spec("broken", probe=probe)):
        assert registry.available_backends()["broken"] == "its probe failed: OSError('driver too old')"


def test_unknown_version_does_not_break_the_status():
    def version():
        raise KeyError("copy")

    with registered(spec(version=version)):
        assert registry.status()["copy"]["version"] == "unknown (KeyError('copy'))"


def test_unknown_device_type():
    with pytest.raises(RuntimeError, match="device type at start of device string: toaster"):
        plugrad.device("toaster")
    with pytest.raises(RuntimeError, match=r"no backend serves device type 'toaster'; there are .*cpu"):
        registry.spec_for("toaster")


def test_device_index_out_of_range():
    with (
        registered(spec()),
        pytest.raises(RuntimeError, match="invalid device index: copy:3; backend 'copy' has 1 device"),
    ):
        plugrad.zeros(1, device="copy:3")


# --- plugins found by entry point ---
PLUGINS = {
    "absent": "import a_library_that_is_not_there",
    "raising": """
from plugrad.backends import hookimpl

@hookimpl
def plugrad_backends():
    raise ValueError("half written")
""",
    "wrongtype": """
from plugrad.backends import hookimpl

@hookimpl
def plugrad_backends():
    return ["a text"]
""",
    "future": """
from plugrad.backends import BackendSpec, hookimpl

@hookimpl
def plugrad_backends():
    return [BackendSpec("future", ("future",), lambda: None, api_version=99)]
""",
    "unprobed": """
from plugrad.backends import BackendSpec, hookimpl

def probe():
    raise OSError("driver too old")

@hookimpl
def plugrad_backends():
    return [BackendSpec("unprobed", ("unprobed",), lambda: None, probe=probe)]
""",
    "sound": """
from plugrad.backends import BackendSpec, hookimpl

def load():
    from plugrad.backends.numpy_backend import NumpyBackend

    return type("Sound", (NumpyBackend,), {})

@hookimpl
def plugrad_backends():
    return [BackendSpec("sound", ("sound",), load, version=lambda: "1.0")]
""",
}
PROGRAM = """
import json, warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    import plugrad
    at_import = len(seen)
    cpu = plugrad.ones(2).sum().item()
    sound = plugrad.ones(3, device="sound").sum().item()
    status = plugrad.backends.status()
print(json.dumps({
    "at_import": at_import, "cpu": cpu, "sound": sound,
    "why": {name: facts["why"] for name, facts in status.items()},
    "warnings": [[w.category.__name__, str(w.message)] for w in seen],
}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with installed plugins, most of them broken."""
    folder = tmp_path_factory.mktemp("site")
    for name, text in PLUGINS.items():
        (folder / f"plugin_{name}.py").write_text(text)
        info = folder / f"plugin_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[plugrad]\n{name} = plugin_{name}\n")
    return folder


def run_python(site, *args):
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *args], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def found(site):
    return json.loads(run_python(site, "-c", PROGRAM))


def test_broken_plugins_break_neither_import_nor_others(found):
    assert found["at_import"] == 0
    assert found["cpu"] == 2.0
    assert found["sound"] == 3.0


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (
            "absent",
            "the plugin cannot be loaded: ModuleNotFoundError(\"No module named 'a_library_that_is_not_there'\")",
        ),
        ("raising", "its plugrad_backends() failed: ValueError('half written')"),
        ("wrongtype", "plugrad_backends() must return BackendSpec objects, not str"),
        ("future", "it was written for interface version 99, this plugrad has 1: upgrade plugrad"),
    ],
)
def test_a_broken_plugin_warns_and_is_listed_with_the_reason(found, plugin, reason):
    assert reason in found["why"][plugin]
    told = [text for category, text in found["warnings"] if category == "RuntimeWarning" and f"{plugin!r}" in text]
    assert len(told) == 1
    assert reason in told[0]


def test_a_failing_probe_is_listed_without_a_warning(found):
    assert found["why"]["unprobed"] == "its probe failed: OSError('driver too old')"
    assert not any("unprobed" in text for _, text in found["warnings"])
    assert found["why"]["sound"] is None


def test_the_report_lists_them(site):
    text = run_python(site, "-W", "ignore", "-m", "plugrad")
    assert "half written" in text
    assert "driver too old" in text
    assert "sound" in text


def test_a_namespace_is_pickled_by_its_device():
    import pickle

    xp = space("cpu")
    assert pickle.loads(pickle.dumps(xp)) is xp
