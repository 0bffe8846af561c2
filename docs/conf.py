"""Sphinx configuration: markdown pages, and a reference made of the docstrings."""

import doctest
import re

import plugrad

project = "plugrad"
copyright = "the plugrad developers"
version = release = plugrad.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.doctest",
    "sphinx_copybutton",
    "myst_nb",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "furo"
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
autosummary_generate = True
napoleon_use_ivar = True  # fields of dataclasses are described twice otherwise
myst_enable_extensions = ["dollarmath", "colon_fence"]
doctest_global_setup = "import plugrad"
doctest_default_flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Names of the standard library: without intersphinx, the build needs no network.
nitpicky = True
nitpick_ignore = [
    ("py:class", "collections.abc.Callable"),
    ("py:exc", "pickle.PicklingError"),
    ("py:exc", "GradcheckError"),
    ("py:exc", "LinAlgError"),
    ("py:class", "FunctionReport"),
    ("py:class", "torch._C._LinAlgError"),
]


def setup(app):
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-skip-member", skip_member)


def skip_member(app, what, name, obj, skip, options):
    """What is computed when it is first asked for looks like a method without a signature."""
    return True if type(obj).__name__ == "lazy_property" else None


def process_docstring(app, what, name, obj, options, lines):
    """Docstrings are prose with formulas: ``|x|`` and ``x*y`` outside of code are no markup."""
    in_example = False
    for i, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example:
            lines[i] = without_markup(line)


def without_markup(line):
    """The line with ``|`` and ``*`` escaped wherever they do not stand in literals and roles."""
    parts = re.split(r"(``.*?``|:[\w:]+:`[^`]*`)", line)
    parts[::2] = [re.sub(r"(?<!\\)[|*]", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)
