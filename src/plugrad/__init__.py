"""plugrad: define-by-run autograd over pluggable array backends."""

__version__ = "0.1.0.dev0"
