"""The names of torch.utils.tensorboard; needs ``pip install "plugrad[tensorboard]"``."""

from plugrad.core.training.event_writer import SummaryWriter

__all__ = ["SummaryWriter"]
