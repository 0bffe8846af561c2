"""``__all__`` is sorted, true and documented."""

import importlib
import inspect

import pytest

import plugrad
from plugrad_sources import PACKAGES, modules

MODULES = sorted(modules())
PUBLIC_PARTS = {"nn.functional", "nn.init", "nn.utils", "optim.lr_scheduler", "optim.swa_utils"}


def imported(name):
    return importlib.import_module(f"plugrad.{name}".rstrip("."))


WITH_ALL = [name for name in MODULES if name != "__main__" and hasattr(imported(name), "__all__")]
#: What users import from: the face, and the packages below it under their own names.
PUBLIC = [
    name for name in WITH_ALL if name.split(".")[0] not in PACKAGES or name.count(".") == 0 or name in PUBLIC_PARTS
]
#: Its methods are array functions by the standard's names, which say what they do.
SPEAKING_FOR_THEMSELVES = {"Backend"}


def by_kind(name):
    """The order that ruff sorts ``__all__`` in: constants, classes, the rest."""
    return 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name


@pytest.mark.parametrize("name", WITH_ALL)
def test_all_is_sorted_and_true(name):
    module = imported(name)
    listed = list(module.__all__)
    assert listed in (sorted(set(listed)), sorted(set(listed), key=by_kind))
    assert [entry for entry in listed if not hasattr(module, entry)] == []


def undocumented(name, thing):
    """The public names in a thing, itself included, that have no docstring."""
    if not callable(thing) or not (getattr(thing, "__module__", None) or "").startswith("plugrad"):
        return []
    missing = [] if (inspect.getdoc(thing) or "").strip() else [name]
    if inspect.isclass(thing) and name not in SPEAKING_FOR_THEMSELVES:
        for attribute, member in vars(thing).items():
            if attribute in getattr(thing, "__dataclass_fields__", ()):
                continue  # a default value; the class's docstring tells of its fields
            if (
                inspect.isfunction(member)
                and not attribute.startswith("_")
                and not inspect.getdoc(getattr(thing, attribute))
            ):
                missing.append(f"{name}.{attribute}")
    return missing


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_has_a_docstring(name):
    module = imported(name)
    missing = [m for entry in module.__all__ for m in undocumented(entry, getattr(module, entry))]
    assert sorted(set(missing)) == []


def test_every_module_says_what_it_is():
    assert [name for name in MODULES if not (imported(name).__doc__ or "").strip()] == []


def test_tensor_methods_have_docstrings():
    assert undocumented("Tensor", plugrad.Tensor) == []
