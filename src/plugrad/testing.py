"""Comparison for tests, with the name and messages of torch.testing."""

from plugrad.core.comparison import assert_close

__all__ = ["assert_close"]
