"""What docs/scope.md lists: operators by section, modules and optimizers, and the variants that are left out."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "scope.md"
EXTRA = "extra ops"
RANDOM = "random numbers"
MODULE_SECTIONS = ("modules", "extra modules", "optimizers")
ENTRY = re.compile(r"`(?:\(without variant (?P<without>[\w.:]+)\)|(?P<name>[\w.]+))`")


def sections():
    """``{title: text}`` of the page, in its order."""
    _, *parts = PAGE.read_text(encoding="utf-8").split("\n## ")
    return {title: text for title, _, text in (part.partition("\n") for part in parts)}


def names(text):
    return [found["name"] for found in ENTRY.finditer(text) if found["name"]]


def is_operators(title):
    return not title.startswith(MODULE_SECTIONS)


def operators():
    """``{name: title of its section}`` of every operator."""
    return {name: title for title, text in sections().items() if is_operators(title) for name in names(text)}


def modules():
    """The names of all modules and optimizers, as ``nn.Linear``."""
    return [name for title, text in sections().items() if not is_operators(title) for name in names(text)]


def left_out():
    """The variants of operators that do not belong, as ``nn.functional.silu:complex``."""
    return {found["without"] for text in sections().values() for found in ENTRY.finditer(text) if found["without"]}
