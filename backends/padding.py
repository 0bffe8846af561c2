"""Padding by an array's own elements, derived from the required functions.

``widths`` are (before, after) for each of the last axes. Negative ones cut: first what is to be repeated at the other end
("circular"), otherwise last, so that what is cut off may still be mirrored at the other end.
"""

__all__ = ["Padding"]


class Padding:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def pad_edges(self, x, widths, mode):
        """Surround the last axes by reflected ("reflect"), repeated ("replicate") or opposite ("circular") elements."""
        added, cut = signs_apart(widths)
        if mode == "circular":
            return self._add_borders(self._cut(x, cut), added, mode)
        return self._cut(self._add_borders(x, added, mode), cut)

    def _cut(self, x, widths):
        if not any(b or a for b, a in widths):
            return x
        return self.pad(x, ((0, 0),) * (len(x.shape) - len(widths)) + widths, 0)

    def _add_borders(self, x, widths, mode):
        for axis, (before, after) in enumerate(widths, len(x.shape) - len(widths)):
            parts = [self._border(x, axis, before, mode, True), x, self._border(x, axis, after, mode, False)]
            parts = [part for part in parts if part is not None]
            x = self.concat(parts, axis) if len(parts) > 1 else x
        return x if any(b or a for b, a in widths) else self.copy(x)

    def _border(self, x, axis, width, mode, first):
        if not width:
            return None
        key = (slice(None),) * axis + (border_source(x.shape[axis], width, mode, first), ...)
        source = self.getitem(x, key)
        if mode == "replicate":
            return self.broadcast_to(source, (*x.shape[:axis], width, *x.shape[axis + 1 :]))
        return self.flip(source, (axis,)) if mode == "reflect" else source

    def pad_edges_input(self, x, widths, mode):
        """The transpose of :meth:`pad_edges`: the borders are added to the elements that they were made of."""
        added, cut = signs_apart(widths)
        restored = tuple((-b, -a) for b, a in cut)
        if mode != "circular":
            x = self._cut(x, restored)
        for axis, (before, after) in enumerate(added, len(x.shape) - len(widths)):
            x = self._return_borders(x, axis, before, after, mode)
        return self._cut(x, restored) if mode == "circular" else x

    def _return_borders(self, x, axis, before, after, mode):
        head = (slice(None),) * axis
        size = x.shape[axis] - before - after
        out = self.copy(self.getitem(x, (*head, slice(before, before + size), ...)))
        ends = ((before, slice(0, before), True), (after, slice(before + size, None), False))
        for width, where, first in ends:
            if not width:
                continue
            border = self.getitem(x, (*head, where, ...))
            if mode == "replicate":
                border = self.sum(border, (axis,), True)
            elif mode == "reflect":
                border = self.flip(border, (axis,))
            key = (*head, border_source(size, width, mode, first), ...)
            self.setitem(out, key, self.getitem(out, key) + border)
        return out


def signs_apart(widths):
    """The positive parts of the widths, and the negative ones."""
    return (
        tuple((max(before, 0), max(after, 0)) for before, after in widths),
        tuple((min(before, 0), min(after, 0)) for before, after in widths),
    )


def border_source(size, width, mode, first):
    """The slice of an axis that a border of this width is made of; ``first``: the border before it."""
    if mode == "reflect":
        return slice(1, width + 1) if first else slice(size - 1 - width, size - 1)
    if mode == "replicate":
        return slice(0, 1) if first else slice(size - 1, size)
    return slice(size - width, size) if first else slice(0, width)
