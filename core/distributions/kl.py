"""The Kullback-Leibler divergence: which function computes it for two classes of distributions."""

import warnings

from .distribution import Distribution

__all__ = ["kl_divergence", "register_kl"]

_REGISTRY: dict = {}
_FOUND: dict = {}  # what has been looked up


def register_kl(type_p, type_q):
    """Decorate the function of (p, q) that computes KL(p ‖ q) for two classes, subclasses included.

    Of several functions the one for the most specific pair is taken.

    Raises:
        TypeError: a class is no class of distributions.

    Example:
        >>> from plugrad.distributions import Normal, kl_divergence, register_kl
        >>> class Fixed(Normal):
        ...     pass
        >>> @register_kl(Fixed, Fixed)
        ... def nothing(p, q):
        ...     return 0.0
        >>> kl_divergence(Fixed(0.0, 1.0), Fixed(1.0, 1.0))
        0.0
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type) or not issubclass(kind, Distribution):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def decorator(function):
        _REGISTRY[type_p, type_q] = function
        _FOUND.clear()
        return function

    return decorator


def kl_divergence(p, q):
    """Return KL(p ‖ q) = E[log p(x) - log q(x)], x from p; of the shape of the batch.

    Raises:
        NotImplementedError: there is no function for these classes.

    Example:
        >>> from plugrad.distributions import Normal, kl_divergence
        >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
        tensor(0.5000)
    """
    kinds = type(p), type(q)
    if kinds not in _FOUND:
        _FOUND[kinds] = _most_specific(*kinds)
    function = _FOUND[kinds]
    if function is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}"
        )
    return function(p, q)


def _most_specific(type_p, type_q):
    """The function of the pair nearest to the classes: nearest for p first, unless that is ambiguous (a warning)."""
    pairs = [(p, q) for p, q in _REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not pairs:
        return None

    def distance(kind, base):
        return kind.__mro__.index(base)

    by_p = min(pairs, key=lambda pair: (distance(type_p, pair[0]), distance(type_q, pair[1])))
    by_q = min(pairs, key=lambda pair: (distance(type_q, pair[1]), distance(type_p, pair[0])))
    if _REGISTRY[by_p] is not _REGISTRY[by_q]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please register_kl({by_p[0].__name__}, "
            f"{by_q[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _REGISTRY[by_p]
