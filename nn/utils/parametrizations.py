"""Ready-made parametrizations: weight norm, spectral norm, orthogonal matrices."""

from ...core.modes import no_grad
from ...core.ops.contraction import vdot
from ...core.ops.product import mv
from ...core.tensor import Tensor
from .. import functional as F
from ..module import Module
from .norms_of_weights import as_matrix, default_dim, norm_except_dim, rescaled
from .orthogonal_map import _OrthMaps, _Orthogonal
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _tensor_of(module, name):
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return tensor


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Make a matrix, or a batch of them, orthogonal (unitary where complex): its columns, or its rows if these are fewer.

    Args:
        module: the module.
        name: of the matrix.
        orthogonal_map: "matrix_exp": exp(A) of a skew-symmetric A; "cayley": (I - A/2)⁻¹(I + A/2); "householder": a product of
            reflections. By default "matrix_exp" of square or complex matrices, else "householder".
        use_trivialization: multiply by a fixed matrix ``base``, by which the parametrization starts from the weight's value.

    Returns:
        The module.

    Raises:
        ValueError: no such tensor, fewer than two dimensions, or an unknown map.

    Source: Lezcano-Casado, Trivializations for Gradient-Based Optimization on Manifolds, 2019.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.utils.parametrizations.orthogonal(plugrad.nn.Linear(2, 4)).weight
        >>> plugrad.allclose(w.T @ w, plugrad.eye(2), atol=1e-6)
        True
    """
    weight = _tensor_of(module, name)
    if weight.dim() < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if orthogonal_map is None:
        is_exp = weight.size(-2) == weight.size(-1) or weight.is_complex()
        orthogonal_map = "matrix_exp" if is_exp else "householder"
    chosen = getattr(_OrthMaps, orthogonal_map, None)
    if chosen is None:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


class _WeightNorm(Module):
    """g · v / |v|."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return rescaled(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Let a weight be g · v / |v|: ``original0`` is g and ``original1`` v; returns the module.

    State dicts of the older ``plugrad.nn.utils.weight_norm`` can be loaded.

    Args:
        module: the module.
        name: of the weight.
        dim: the dimension whose slices have a norm each; None: one norm of all.

    Source: Salimans and Kingma, Weight Normalization, 2016.

    Example:
        >>> import plugrad
        >>> m = plugrad.nn.utils.parametrizations.weight_norm(plugrad.nn.Linear(3, 2))
        >>> m.parametrizations.weight.original0.shape
        torch.Size([2, 1])
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_old_keys(state_dict, prefix, *rest):
        old = [f"{prefix}{name}_{part}" for part in "gv"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename_old_keys)
    return module


class _SpectralNorm(Module):
    """A weight divided by an estimate uᵀWv of its largest singular value; a vector divided by its length."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        rank = weight.dim()
        if not -rank <= dim < rank:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{rank}, {rank - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % rank
        self.eps = eps
        if rank > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            u, v = (matrix.new_empty(n).normal_(0, 1) for n in matrix.size())
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _power_method(self, matrix, n_power_iterations):
        with no_grad():
            for _ in range(n_power_iterations):
                self._u.copy_(F.normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Copies, so that a backward pass still fits after the next forward has changed u and v.
        u, v = self._u.clone(), self._v.clone()
        return weight / vdot(u, mv(matrix, v))

    def right_inverse(self, value):
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide a weight by an estimate of its largest singular value; a vector by its length. Returns the module.

    Args:
        module: the module.
        name: of the weight.
        n_power_iterations: how often the estimate is improved each time the weight is read in training.
        eps: added where a vector's length is 0.
        dim: the dimension of the outputs; by default 1 for transposed convolutions and 0 for all else.

    Raises:
        ValueError: no such tensor, or no iterations.
        IndexError: no such dimension.

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018.

    Example:
        >>> import plugrad
        >>> m = plugrad.nn.utils.parametrizations.spectral_norm(plugrad.nn.Linear(3, 2))
        >>> bool((plugrad.linalg.matrix_norm(m.weight, 2) - 1).abs() < 0.1)
        True
    """
    weight = _tensor_of(module, name)
    dim = default_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
