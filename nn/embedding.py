"""Embedding layers."""

from ..core.create import empty
from ..core.modes import no_grad
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class Embedding(Module):
    """A table of learned vectors, looked up by row numbers.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: length of a row.
        padding_idx: a row that starts at zero and gets no gradient; negative counts from the end.
        max_norm: rows that are met and longer than this are first shortened to it, in place.
        norm_type: the p of the p-norm that ``max_norm`` speaks of.
        scale_grad_by_freq: divide each row's gradient by how often it is met.
        sparse: only False: there are no sparse gradients.
        device, dtype: of the table.

    Shapes:
        (*) → (*, embedding_dim); weight (num_embeddings, embedding_dim), drawn from the normal distribution

    Raises:
        AssertionError: ``padding_idx`` is no row.
        NotImplementedError: ``sparse=True``.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Embedding(10, 3, padding_idx=0)(plugrad.tensor([[1, 0]])).shape
        torch.Size([1, 2, 3])
    """

    __constants__ = (
        "num_embeddings",
        "embedding_dim",
        "padding_idx",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "sparse",
    )

    def __init__(
        self,
        num_embeddings,
        embedding_dim,
        padding_idx=None,
        max_norm=None,
        norm_type=2.0,
        scale_grad_by_freq=False,
        sparse=False,
        _weight=None,
        _freeze=False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if sparse:
            raise NotImplementedError("Embedding: sparse=True is not supported: there are no sparse gradients")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _row_number(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            table = empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not _freeze)
            self.reset_parameters()
            return
        if list(_weight.shape) != [num_embeddings, embedding_dim]:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self):
        """Draw the table anew from the normal distribution; the padding row becomes zero."""
        _draw(self.weight, self.padding_idx)

    def forward(self, input):
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self):
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        usual = (("padding_idx", None), ("max_norm", None), ("norm_type", 2), ("scale_grad_by_freq", False))
        for name, value in usual:
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings,
        freeze=True,
        padding_idx=None,
        max_norm=None,
        norm_type=2.0,
        scale_grad_by_freq=False,
        sparse=False,
    ):
        """Return a layer with the given table (rows, D), which it shares.

        Args:
            freeze: the table takes no gradient.

        Raises:
            AssertionError: the table is no matrix.

        Example:
            >>> import plugrad
            >>> plugrad.nn.Embedding.from_pretrained(plugrad.eye(3))(plugrad.tensor(1))
            tensor([0., 1., 0.])
        """
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(Module):
    """Sums, means or maxima over bags of learned vectors, looked up by row numbers.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: length of a row.
        max_norm: rows that are met and longer than this are first shortened to it, in place.
        norm_type: the p of the p-norm that ``max_norm`` speaks of.
        scale_grad_by_freq: divide each row's gradient by how often it is met; not in a maximum.
        mode: "sum", "mean" or "max".
        sparse: only False: there are no sparse gradients.
        include_last_offset: the last offset is where the last bag ends.
        padding_idx: a row that starts at zero, counts for nothing and gets no gradient; negative counts from the end.
        device, dtype: of the table.

    Shapes:
        (B, n), or (n) with offsets (B) → (B, embedding_dim); weight (num_embeddings, embedding_dim), drawn from the normal
        distribution

    Raises:
        AssertionError: ``padding_idx`` is no row.
        NotImplementedError: ``sparse=True``.

    Example:
        >>> import plugrad
        >>> bag = plugrad.nn.EmbeddingBag(10, 3, mode="sum")
        >>> bag(plugrad.tensor([1, 2, 4, 5]), plugrad.tensor([0, 3])).shape
        torch.Size([2, 3])
    """

    __constants__ = (
        "num_embeddings",
        "embedding_dim",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "mode",
        "sparse",
        "include_last_offset",
        "padding_idx",
    )

    def __init__(
        self,
        num_embeddings,
        embedding_dim,
        max_norm=None,
        norm_type=2.0,
        scale_grad_by_freq=False,
        mode="mean",
        sparse=False,
        _weight=None,
        include_last_offset=False,
        padding_idx=None,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if sparse:
            raise NotImplementedError("EmbeddingBag: sparse=True is not supported: there are no sparse gradients")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = _row_number(padding_idx, num_embeddings, "padding_idx must be within num_embeddings")
        if _weight is None:
            self.weight = Parameter(empty((num_embeddings, embedding_dim), device=device, dtype=dtype))
            self.reset_parameters()
        elif list(_weight.shape) != [num_embeddings, embedding_dim]:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        else:
            self.weight = Parameter(_weight)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    def reset_parameters(self):
        """Draw the table anew from the normal distribution; the padding row becomes zero."""
        _draw(self.weight, self.padding_idx)

    def forward(self, input, offsets=None, per_sample_weights=None):
        """Return one vector a bag; the arguments are those of :func:`plugrad.nn.functional.embedding_bag`."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self):
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, value in (("max_norm", None), ("norm_type", 2), ("scale_grad_by_freq", False)):
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"

    @classmethod
    def from_pretrained(
        cls,
        embeddings,
        freeze=True,
        max_norm=None,
        norm_type=2.0,
        scale_grad_by_freq=False,
        mode="mean",
        sparse=False,
        include_last_offset=False,
        padding_idx=None,
    ):
        """Return a layer with the given table (rows, D), which it shares.

        Args:
            freeze: the table takes no gradient.

        Raises:
            AssertionError: the table is no matrix.

        Example:
            >>> import plugrad
            >>> plugrad.nn.EmbeddingBag.from_pretrained(plugrad.eye(2))(plugrad.tensor([[0, 1]]))
            tensor([[0.5000, 0.5000]])
        """
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        layer = cls(
            *embeddings.shape,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        layer.weight.requires_grad = not freeze
        return layer


def _draw(table, padding_idx):
    init.normal_(table)
    if padding_idx is not None:
        with no_grad():
            table[padding_idx].fill_(0)


def _row_number(padding_idx, count, refusal="Padding_idx must be within num_embeddings"):
    if padding_idx is None:
        return None
    if not -count <= padding_idx < count:
        raise AssertionError(refusal)
    return padding_idx + count if padding_idx < 0 else padding_idx
