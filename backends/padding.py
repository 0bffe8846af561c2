"""Padding by an array's own elements, derived from the required functions.

``widths`` are (before, after) for each of the last axes, none of them negative.
"""

__all__ = ["Padding"]


class Padding:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def pad_edges(self, x, widths, mode):
        """Surround the last axes by reflected ("reflect"), repeated ("replicate") or opposite ("circular") elements."""
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
        for axis, (before, after) in enumerate(widths, len(x.shape) - len(widths)):
            x = self._return_borders(x, axis, before, after, mode)
        return x

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


def border_source(size, width, mode, first):
    """The slice of an axis that a border of this width is made of; ``first``: the border before it."""
    if mode == "reflect":
        return slice(1, width + 1) if first else slice(size - 1 - width, size - 1)
    if mode == "replicate":
        return slice(0, 1) if first else slice(size - 1, size)
    return slice(size - width, size) if first else slice(0, width)
