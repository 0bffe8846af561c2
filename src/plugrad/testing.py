"""Comparison for tests, with the name and messages of torch.testing."""

import typing as _typing

from plugrad.core.comparison import assert_allclose, assert_close

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

if _typing.TYPE_CHECKING:
    from plugrad.core.drawn_tensors import make_tensor
else:  # a type checker would take every name for known

    def __getattr__(name):
        if name != "make_tensor":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from plugrad.core.drawn_tensors import make_tensor

        globals()[name] = make_tensor
        return make_tensor
