"""Tensors in safetensors files, by the names of ``safetensors.torch``; needs ``pip install "plugrad[safetensors]"``."""

from plugrad.core.safetensors_io import load, load_file, save, save_file

__all__ = ["load", "load_file", "save", "save_file"]
