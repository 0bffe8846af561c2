"""Which function transforms are running, and what random numbers mean in them."""

from contextvars import ContextVar

#: The transforms that are running, the innermost last.
ACTIVE: ContextVar[tuple] = ContextVar("plugrad_active_transforms", default=())

#: Whether numbers are being drawn for every example of the running vmaps at once.
FOR_ALL: ContextVar[bool] = ContextVar("plugrad_drawing_for_all", default=False)


class Running:
    """A block in which a transform runs."""

    def __init__(self, transform):
        self.transform = transform

    def __enter__(self):
        self.token = ACTIVE.set((*ACTIVE.get(), self.transform))
        return self.transform

    def __exit__(self, *exception):
        ACTIVE.reset(self.token)


def refuse_backward():
    """Raise where .grad must not be written: leaves are shared by all examples and all levels."""
    if ACTIVE.get():
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp instead "
            "or call backward() outside of functorch transforms."
        )


def check_random():
    """Raise where random numbers are not to be drawn; called whenever some are.

    Raises:
        RuntimeError: under vmap(randomness="error").
        NotImplementedError: under vmap(randomness="different") by an op that draws once for all examples.
    """
    running = ACTIVE.get()
    if not running:
        return
    modes = {getattr(transform, "randomness", None) for transform in running}
    if "error" in modes:
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags "
            "on vmap or perform the randomness operation out of vmap"
        )
    if "different" in modes and not FOR_ALL.get():
        raise NotImplementedError(
            "this random op draws the same numbers for all examples, which vmap(randomness='different') does not allow; use rand, randn, "
            "randint, randperm, bernoulli, normal, dropout, or draw outside of vmap"
        )


__all__ = ["ACTIVE", "FOR_ALL", "Running", "check_random", "refuse_backward"]
