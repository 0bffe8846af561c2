"""How modules print, and the note that names the failing module."""

import itertools

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


def note_module(error, call_code):
    """Put the path of the failing module into the error's notes: ``in Net.encoder.2 (Linear)``.

    The error passes the calls from the inside out; each one replaces the note of the one before by a longer one. The
    modules are read from the traceback: an attribute of the error would be pickled with it.
    """
    modules = _modules_in(error.__traceback__, call_code)
    note, inner_note = _path_text(modules), _path_text(modules[1:])
    notes = getattr(error, "__notes__", ())
    if inner_note in notes:
        notes[notes.index(inner_note)] = note
    else:
        error.add_note(note)


def _modules_in(traceback, call_code):
    """The modules whose calls the traceback runs through, from the outside in."""
    found = []
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code is call_code:
            found.append(frame.f_locals["self"])
        traceback = traceback.tb_next
    return found


def _path_text(modules):
    if not modules:
        return None
    names = [_name_of(inner, outer) for outer, inner in itertools.pairwise(modules)]
    path = ".".join([type(modules[0]).__name__, *filter(None, names)])
    return f"in {path} ({type(modules[-1]).__name__})" if len(modules) > 1 else f"in {path}"


def _name_of(inner, module):
    return next((path for path, below in module.named_modules() if below is inner), "")
