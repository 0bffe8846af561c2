"""Imports point one way, and numpy stays where it may be."""

import json
import os
import subprocess
import sys

import pytest

from plugrad_sources import PACKAGES, imports, modules

MODULES = modules()

#: What each layer may import at all, and what it may import while it is itself being imported.
BELOW = {
    "backends": {"backends"},
    "core": {"core", "backends"},
    "core.ops": {"core", "core.ops", "backends"},
    "core.distributions": {"core", "core.ops", "core.distributions", "backends"},
    "nn": {"nn", "core", "core.ops", "backends"},
    "optim": {"optim", "nn", "core", "core.ops", "backends"},  # an averaged model is a module
}
#: Beyond that, inside functions: core's Tensor finds the ops, and pickles find the classes they name.
LATER = {"core": {"core.ops"}}

#: The host side, where numpy arrays come in and go out.
NUMPY_FILES = {
    "core.buffers", "core.generator", "core.interop", "core.printing", "core.random", "core.random_integers", "core.resampling",
    "core.rounding", "core.serialization",
    "core.npz", "core.storages",
    "core.random_rejection",
}  # fmt: skip
LIBRARIES = {"torch", "jax", "scipy", "mlx", "tensorflow", "array_api_strict", "array_api_compat", "dpnp"}


def layer_of(dotted):
    """The layer of a module's name below plugrad; None for the face."""
    for part in ("core.ops", "core.distributions"):
        if dotted == part or dotted.startswith(part + "."):
            return part
    first = dotted.split(".")[0]
    return first if first in PACKAGES else None


INSIDE = sorted(name for name in MODULES if layer_of(name))
FACE = sorted(name for name in MODULES if not layer_of(name))


def ours(target):
    return target.split(".")[0] == "plugrad"


@pytest.mark.parametrize("name", INSIDE)
def test_a_module_imports_only_what_lies_below_it(name):
    layer = layer_of(name)
    for target, _, at_top in imports(name, MODULES[name]):
        if not ours(target):
            continue
        wanted = layer_of(target.removeprefix("plugrad").removeprefix("."))
        allowed = BELOW[layer] if at_top else BELOW[layer] | LATER.get(layer, set())
        assert wanted in allowed, f"{name} imports {target}"


@pytest.mark.parametrize("name", INSIDE)
def test_imports_between_the_folders_are_relative(name):
    absolute = [target for target, relative, _ in imports(name, MODULES[name]) if ours(target) and not relative]
    assert absolute == []


@pytest.mark.parametrize("name", FACE)
def test_the_face_imports_by_full_names(name):
    assert [target for target, relative, _ in imports(name, MODULES[name]) if relative] == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_numpy_is_imported_only_where_it_may_be(name):
    found = {target.split(".")[0] for target, _, _ in imports(name, MODULES[name])}
    if "numpy" in found:
        assert name in NUMPY_FILES or name.startswith("backends.numpy_"), f"{name} imports numpy"
    if "cupy" in found:
        assert name == "backends.cupy_backend"
    assert not found & LIBRARIES


def test_the_list_of_numpy_files_is_true():
    using = {
        name for name in MODULES for target, _, _ in imports(name, MODULES[name]) if target.split(".")[0] == "numpy"
    }
    assert {name for name in NUMPY_FILES if name not in using} == set()


PROGRAM = """
import json, sys
before = set(sys.modules)
import plugrad
x = plugrad.ones(3, requires_grad=True)
(x * x).sum().backward()
print(json.dumps(sorted({m.split(".")[0] for m in set(sys.modules) - before})))
"""


def test_importing_and_training_loads_no_library_but_numpy():
    text = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ, capture_output=True, text=True, check=True
    ).stdout
    loaded = set(json.loads(text))
    assert "numpy" in loaded
    assert loaded & (LIBRARIES | {"cupy", "matplotlib", "sklearn", "tqdm", "pytest", "safetensors"}) == set()
    assert {m for m in loaded if m not in sys.stdlib_module_names and not m.startswith("_")} <= {
        "numpy", "cython_runtime", "plugrad", "pluggy", "ml_dtypes", *PLUGINS_OF_THIS_ENVIRONMENT
    }  # fmt: skip


#: Entry points are loaded at the first use of a device; the modules of ours must not import their libraries then.
PLUGINS_OF_THIS_ENVIRONMENT = ("plugrad_strict", "plugrad_simcuda", "simcupy", "simkernel")
