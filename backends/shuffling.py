"""Channels rearranged into places and the other way round, derived from the required functions."""

__all__ = ["Shuffling"]


class Shuffling:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def pixel_shuffle(self, x, factor):
        """(..., C·r², H, W) → (..., C, H·r, W·r)."""
        *lead, c, h, w = x.shape
        n, r = len(lead), factor
        apart = self.reshape(x, (*lead, c // (r * r), r, r, h, w))
        moved = self.permute_dims(apart, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))
        return self.reshape(self.packed(moved), (*lead, c // (r * r), h * r, w * r))

    def pixel_unshuffle(self, x, factor):
        """(..., C, H·r, W·r) → (..., C·r², H, W)."""
        *lead, c, h, w = x.shape
        n, r = len(lead), factor
        apart = self.reshape(x, (*lead, c, h // r, r, w // r, r))
        moved = self.permute_dims(apart, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))
        return self.reshape(self.packed(moved), (*lead, c * r * r, h // r, w // r))

    def channel_shuffle(self, x, groups):
        """(N, g·k, ...) with the channels in the order of (k, g)."""
        n, c, *rest = x.shape
        apart = self.reshape(x, (n, groups, c // groups, *rest))
        order = (0, 2, 1, *range(3, 3 + len(rest)))
        return self.reshape(self.packed(self.permute_dims(apart, order)), (n, c, *rest))
