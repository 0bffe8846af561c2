"""Numerical checks of gradients."""
