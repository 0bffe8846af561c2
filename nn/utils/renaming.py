"""From the names in a checkpoint to the names in a model: prefixes taken off, parts renamed, parts left out."""

import difflib
import re

__all__ = ["Renaming"]


class Renaming:
    """The function from a checkpoint's name to the model's, or None for a name that is left out.

    Args:
        rename: dict from old to new. A text stands for a whole dotted part from the front on (``"backbone"`` for
            ``backbone.0.weight``, not for ``backbone2``), of which the longest that fits counts; a compiled regular
            expression is replaced wherever it is found, after the texts and in the dict's order. None as the new name
            leaves the name out.
        strip_prefix: one or several prefixes that are taken off first.

    Raises:
        TypeError: another kind of key or value.
    """

    def __init__(self, rename=None, strip_prefix=None):
        prefixes = (strip_prefix,) if isinstance(strip_prefix, str) else tuple(strip_prefix or ())
        self.strip = [prefix.rstrip(".") for prefix in prefixes]
        self.parts, self.patterns = {}, {}
        for old, new in (rename or {}).items():
            if not isinstance(old, str | re.Pattern) or not isinstance(new, str | None):
                raise TypeError(
                    f"rename: expected text or a compiled regular expression, and text or None, but got {old!r}: {new!r}"
                )
            table = self.parts if isinstance(old, str) else self.patterns
            table[old.rstrip(".") if isinstance(old, str) else old] = new
        self.used = set()

    def __call__(self, name):
        for prefix in self.strip:
            if name.startswith(prefix + "."):
                self.used.add(("strip", prefix))
                name = name[len(prefix) + 1 :]
        name = self._by_part(name)
        for pattern, new in self.patterns.items():
            if name is None or not pattern.search(name):
                continue
            self.used.add(pattern)
            name = None if new is None else pattern.sub(new, name)
        return name

    def _by_part(self, name):
        fitting = [part for part in self.parts if name == part or name.startswith(part + ".")]
        if not fitting:
            return name
        part = max(fitting, key=len)
        self.used.add(part)
        new = self.parts[part]
        return None if new is None else (new.rstrip(".") + name[len(part) :]).removeprefix(".")

    def of_module(self, path):
        """The path of a module in the model; names of its tensors tell it."""
        return (self(f"{path}.x" if path else "x") or "").removesuffix("x").removesuffix(".")

    def check_use(self, names):
        """Raise ValueError for an entry of ``rename`` that fitted none of ``names``."""
        for old in (*self.parts, *self.patterns):
            if old not in self.used:
                text = old if isinstance(old, str) else old.pattern
                close = difflib.get_close_matches(text, {n.rpartition(".")[0] for n in names} | set(names))
                hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
                raise ValueError(f"rename: {text!r} fits no name in the checkpoint{hint}")

    def idle_prefixes(self):
        """The prefixes that no name had."""
        return [prefix for prefix in self.strip if ("strip", prefix) not in self.used]
