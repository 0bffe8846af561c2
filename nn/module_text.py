"""How modules print, and the note that names the failing module."""

__all__ = ["block", "indent", "note_module"]


def block(name, lines):
    """``name(`` and ``)`` around the lines, each on its own and indented, as modules print."""
    if not lines:
        return name + "()"
    return name + "(\n  " + "\n  ".join(lines) + "\n)"


def indent(text):
    """Indent all lines but the first by two."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])


def note_module(error, module):
    """Put the path of the failing module into the error's notes: ``in Net.encoder.2 (Linear)``.

    The error passes the calls from the inside out, and each one prepends its own part.
    """
    name = type(module).__name__
    inner, path, leaf, old_note = getattr(error, "_plugrad_module", (None, "", name, None))
    if inner is not None:
        path = ".".join(part for part in (_name_of(inner, module), path) if part)
    note = f"in {name}.{path} ({leaf})" if path else f"in {name}"
    if old_note is None:
        error.add_note(note)
    else:
        error.__notes__[error.__notes__.index(old_note)] = note
    error._plugrad_module = (module, path, leaf, note)


def _name_of(inner, module):
    return next((path for path, below in module.named_modules() if below is inner), "")
