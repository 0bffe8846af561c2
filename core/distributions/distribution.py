"""What a distribution is: shapes, checks of parameters and values, and what follows from the rest."""

import warnings

from ..engine import grad
from ..modes import no_grad
from ..tensor import Size, Tensor
from .constraints import is_dependent
from .parameters import lazy_property

__all__ = ["Distribution", "ExponentialFamily"]


class Distribution:
    """A probability distribution over values of ``event_shape``, for each place of ``batch_shape``.

    Args:
        batch_shape: the shape of the parameters' batch.
        event_shape: the shape of one value.
        validate_args: whether parameters and values are checked; None: as :meth:`set_default_validate_args` said.

    Raises:
        ValueError: a parameter is outside its constraint.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    #: What ``expand`` carries over: the names of tensors, with the number of their event dimensions, and of
    #: distributions, with the sizes that follow the batch in their batch shapes.
    _parts: dict = {}
    #: What ``expand`` keeps as it is.
    _kept: tuple[str, ...] = ()

    @staticmethod
    def set_default_validate_args(value):
        """Say whether distributions check parameters and values; they do unless Python runs with -O."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self):
        try:
            arg_constraints = self.arg_constraints
        except NotImplementedError:
            arg_constraints = {}
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
        for name, constraint in arg_constraints.items():
            if is_dependent(constraint) or (name not in vars(self) and self._is_lazy(name)):
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def _is_lazy(self, name):
        return isinstance(getattr(type(self), name), lazy_property)

    # --- shapes ---
    @property
    def batch_shape(self):
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of one value."""
        return self._event_shape

    def _extended_shape(self, sample_shape=()):
        """The shape of a sample."""
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def expand(self, batch_shape, _instance=None):
        """Return the distribution with its batch expanded to ``batch_shape``, as ``Tensor.expand`` does."""
        owner = next((c for c in type(self).__mro__ if "_parts" in vars(c)), Distribution)
        if owner is Distribution:
            raise NotImplementedError
        new = self._get_checked_instance(owner, _instance)
        self._expand_parts(new, Size(batch_shape))
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _expand_parts(self, new, batch_shape):
        for name, rest in self._parts.items():
            part = vars(self).get(name)
            if isinstance(part, Distribution):
                setattr(new, name, part.expand(Size((*batch_shape, *part.batch_shape[part_start(part, rest) :]))))
            elif isinstance(part, Tensor):
                setattr(new, name, part.expand((*batch_shape, *part.shape[part.dim() - rest :])))
        for name in self._kept:
            setattr(new, name, getattr(self, name))

    def _get_checked_instance(self, cls, _instance=None):
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    # --- what each distribution has ---
    @property
    def arg_constraints(self):
        """The constraints of the parameters, by name."""
        raise NotImplementedError

    @property
    def support(self):
        """The constraint of the values."""
        raise NotImplementedError

    @property
    def mean(self):
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self):
        """The value of the largest density."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self):
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self):
        """The standard deviation, √variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape=()):
        """Return values drawn from the distribution, of shape sample_shape + batch_shape + event_shape."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Return values drawn as a differentiable function of the parameters, where ``has_rsample``."""
        raise NotImplementedError

    def sample_n(self, n):
        """Return n values: ``sample((n,))``, which is to be preferred."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", category=FutureWarning, stacklevel=2
        )
        return self.sample((n,))

    def log_prob(self, value):
        """Return the logarithm of the density, or probability, of values."""
        raise NotImplementedError

    def cdf(self, value):
        """Return the probability of a value at most as large."""
        raise NotImplementedError

    def icdf(self, value):
        """Return the values up to which lie the given probabilities."""
        raise NotImplementedError

    def enumerate_support(self, expand=True):
        """Return all values of a discrete distribution along a new first dimension.

        Args:
            expand: whether the batch's dimensions have their size, or 1.
        """
        raise NotImplementedError

    def entropy(self):
        """Return the entropy, -E[log p], of shape batch_shape."""
        raise NotImplementedError

    def perplexity(self):
        """Return exp(entropy)."""
        return self.entropy().exp()

    # --- checks of values ---
    def _validate_sample(self, value):
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        shape, event_shape = value.size(), self._event_shape
        if shape[len(shape) - len(event_shape) :] != event_shape:
            raise ValueError(f"The right-most size of value must match event_shape: {shape} vs {event_shape}.")
        expected = Size((*self._batch_shape, *event_shape))
        for i, j in zip(reversed(shape), reversed(expected), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {shape} vs {expected}.")
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please initialize the distribution "
                "with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _checked(self, value):
        """The value itself, checked if this distribution checks."""
        if self._validate_args:
            self._validate_sample(value)
        return value

    def __repr__(self):
        given = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        texts = (f"{name}: {p if p.numel() == 1 else p.size()}" for name, p in given.items())
        return f"{type(self).__name__}({', '.join(texts)})"


def part_start(part, rest):
    return len(part.batch_shape) - rest


class ExponentialFamily(Distribution):
    """A distribution of density exp(⟨t(x), θ⟩ - F(θ) + k(x)), t the sufficient statistic, θ the natural parameters.

    Its entropy follows from the gradient of F, and so does the divergence of two of one family.

    Source: F. Nielsen and R. Nock, Entropies and cross-entropies of exponential families (2010).
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def entropy(self):
        """Return F(θ) - ⟨θ, ∇F(θ)⟩ - E[k(x)]."""
        parameters = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*parameters)
        result = normalizer - self._mean_carrier_measure
        for p, g in zip(parameters, grad(normalizer.sum(), parameters, create_graph=True), strict=True):
            result = result - (p * g).reshape((*self._batch_shape, -1)).sum(-1)
        return result
