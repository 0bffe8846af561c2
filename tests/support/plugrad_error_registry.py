"""The list that the error cases register themselves in.

A case is a name and a function of the namespace, ``torch`` or ``plugrad``, that must raise.
"""

CASES = {}


def case(name):
    """Register the decorated function of the namespace under ``name``."""

    def register(call):
        if name in CASES:
            raise ValueError(f"two cases are named {name}")
        CASES[name] = call
        return call

    return register


def table(family, **calls):
    """Register one-line cases: ``table("add", shapes=lambda t: ...)`` is the case ``add-shapes``."""
    for name, call in calls.items():
        case(f"{family}-{name.replace('_', '-')}")(call)


def leaf(t, *shape):
    """A tensor of ones that requires grad."""
    return t.ones(*shape, requires_grad=True)
