"""Event files for TensorBoard, through the writer and the records of the package tensorboard; no torch, no tensorflow."""

import datetime
import os
import socket
import time

from ..create import as_tensor
from ..dtypes import uint8
from ..modes import no_grad
from ..tensor import Tensor
from .histogram import count_buckets

__all__ = ["SummaryWriter"]

EVENT_VERSION = "brain.Event:2"
REFUSED = (
    "add_audio", "add_custom_scalars", "add_custom_scalars_marginchart", "add_custom_scalars_multilinechart",
    "add_embedding", "add_figure", "add_graph", "add_histogram_raw", "add_hparams", "add_image_with_boxes", "add_images",
    "add_mesh", "add_onnx_graph", "add_pr_curve", "add_pr_curve_raw", "add_tensor", "add_video",
)  # fmt: skip


def _tensorboard():
    """The modules of tensorboard that are needed: records, plugin data of texts, the file writer."""
    try:
        from tensorboard.compat import proto
        from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2  # noqa: F401
        from tensorboard.plugins.text import plugin_data_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise ImportError(
            f'SummaryWriter needs the package {error.name}: pip install "plugrad[tensorboard]"', name=error.name
        ) from error
    return proto, plugin_data_pb2, EventFileWriter


class SummaryWriter:
    """Writes figures, histograms, images and texts where TensorBoard finds them, with torch's arguments.

    Args:
        log_dir: folder of the event files; ``runs/`` with date, time and host name if it is None.
        comment: put behind the folder's name if ``log_dir`` is None.
        purge_step: TensorBoard hides what earlier files of the folder have from this step on.
        max_queue: how many events may wait before an ``add`` waits for the file.
        flush_secs: how often waiting events are written, in seconds.
        filename_suffix: put behind the names of the event files.

    Raises:
        ImportError: tensorboard is not installed.

    A walltime is in seconds since the epoch, now if it is None; a ``global_step`` may be None.
    torch's other methods (``add_graph``, ``add_figure``, ``add_hparams`` ...) raise NotImplementedError.
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        self._proto, self._text_plugin, self._file_writer = _tensorboard()
        if not log_dir:
            now = datetime.datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self.purge_step = purge_step
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        self.all_writers = None
        self._writer()

    def get_logdir(self):
        """The folder of the event files."""
        return self.log_dir

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False):
        """A figure at a step.

        Args:
            tag: name of its curve; ``group/name`` puts curves together.
            scalar_value: a number or a tensor of one element.
            global_step, walltime: where it stands.
            new_style: write it as a tensor with plugin data, as newer programs do.
            double_precision: keep it in float64; heeded with ``new_style`` only, as in torch.
        """
        value = _number(scalar_value)
        if not new_style:
            self._add(self._writer(), global_step, walltime, tag=tag, simple_value=value)
            return
        numbers = (
            {"double_val": [value], "dtype": "DT_DOUBLE"}
            if double_precision
            else {"float_val": [value], "dtype": "DT_FLOAT"}
        )
        tensor = self._proto.tensor_pb2.TensorProto(**numbers)
        self._add(self._writer(), global_step, walltime, tag=tag, tensor=tensor, metadata=self._plugin("scalars"))

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Several figures in one chart: each goes to a folder of its own, ``log_dir/main_tag_key``.

        Args:
            main_tag: name of the chart.
            tag_scalar_dict: figures by the names of their curves.
            global_step, walltime: where they stand.
        """
        walltime = time.time() if walltime is None else walltime
        self._writer()
        for key, value in tag_scalar_dict.items():
            writer = self._writer(f"{self.log_dir}/{main_tag.replace('/', '_')}_{key}")
            self._add(writer, global_step, walltime, tag=main_tag, simple_value=_number(value))

    def add_histogram(self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None):
        """How the values of a tensor are spread.

        Args:
            tag: name of the histogram.
            values: real tensor of any shape, or what becomes one.
            global_step, walltime: where it stands.
            bins: "tensorflow" for TensorBoard's own buckets, a number of equal ones, or their edges.
            max_bins: buckets are joined until there are about so many.

        Raises:
            ValueError: there are no values, or none in a bucket.
            NotImplementedError: ``bins`` is the name of another rule.
        """
        buckets = count_buckets(values, bins, max_bins)
        self._add(
            self._writer(),
            global_step,
            walltime,
            tag=tag,
            histo=self._proto.summary_pb2.HistogramProto(**vars(buckets)),
        )

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """A picture, as png by pillow.

        Args:
            tag: name of the picture.
            img_tensor: numbers from 0 to 1, or uint8; what is outside is clipped.
            global_step, walltime: where it stands.
            dataformats: the order of its dimensions: CHW, HWC, HW and so on; 1, 3 or 4 channels.

        Raises:
            ImportError: pillow is not installed.
            AssertionError: ``dataformats`` does not fit the shape.
        """
        pixels = _pixels(img_tensor, dataformats)
        height, width, channels = pixels.shape
        image = self._proto.summary_pb2.Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=_png(pixels)
        )
        self._add(self._writer(), global_step, walltime, tag=tag, image=image)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """A text, which TensorBoard shows as markdown.

        Args:
            tag: name of the text.
            text_string: the text.
            global_step, walltime: where it stands.
        """
        tensor = self._proto.tensor_pb2.TensorProto(dtype="DT_STRING", string_val=[text_string.encode()])
        tensor.tensor_shape.dim.add(size=1)
        metadata = self._plugin("text", self._text_plugin.TextPluginData(version=0).SerializeToString())
        self._add(self._writer(), global_step, walltime, tag=f"{tag}/text_summary", tensor=tensor, metadata=metadata)

    def flush(self):
        """Wait until all events are in their files."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self):
        """Write what waits, and close the files; a later ``add`` opens new ones."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.all_writers = None

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.close()

    def _writer(self, folder=None):
        """The file writer of a folder, opened when first asked for."""
        folder = folder or self.log_dir
        if self.all_writers is None:
            self.all_writers = {}
        if folder not in self.all_writers:
            self.all_writers[folder] = self._file_writer(folder, self.max_queue, self.flush_secs, self.filename_suffix)
            if self.purge_step is not None:
                self._purge(self.all_writers[folder])
        return self.all_writers[folder]

    def _purge(self, writer):
        """Tell TensorBoard that a run starts again at ``purge_step``."""
        step, events = self.purge_step, self._proto.event_pb2
        self.purge_step = None
        start = events.SessionLog(status=events.SessionLog.START)
        for content in ({"file_version": EVENT_VERSION}, {"session_log": start}):
            writer.add_event(events.Event(step=step, **content))

    def _plugin(self, name, content=b""):
        metadata = self._proto.summary_pb2.SummaryMetadata
        return metadata(plugin_data=metadata.PluginData(plugin_name=name, content=content))

    def _add(self, writer, step, walltime, **value):
        summary = self._proto.summary_pb2.Summary
        event = self._proto.event_pb2.Event(summary=summary(value=[summary.Value(**value)]))
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        writer.add_event(event)


def _refusing(name):
    def method(self, *args, **kwargs):
        raise NotImplementedError(
            f"SummaryWriter.{name} is not supported; there are add_scalar, add_scalars, add_histogram, add_image, add_text"
        )

    method.__name__, method.__qualname__ = name, f"SummaryWriter.{name}"
    method.__doc__ = "Not supported: raises NotImplementedError."
    return method


for _name in REFUSED:
    setattr(SummaryWriter, _name, _refusing(_name))


def _number(value):
    return float(value.item() if isinstance(value, Tensor) else value)


@no_grad()
def _pixels(image, dataformats):
    """The image as a uint8 tensor (height, width, channels) with 3 or 4 channels."""
    image, order = as_tensor(image).detach(), dataformats.upper()
    if sorted(order) not in (["H", "W"], ["C", "H", "W"]) or image.dim() != len(order):
        raise AssertionError(
            f"size of input tensor and input format are different. tensor shape: {tuple(image.shape)}, "
            f"input_format: {dataformats}"
        )
    if "C" not in order:
        image, order = image.unsqueeze(-1), order + "C"
    image = image.permute([order.index(dimension) for dimension in "HWC"])
    if image.shape[2] == 1:
        image = image.expand(-1, -1, 3)
    if image.shape[2] not in (3, 4):
        raise AssertionError(f"an image has 1, 3 or 4 channels, but this one has {image.shape[2]}")
    if image.dtype is uint8:
        return image
    return (image.float() * 255).clamp(0, 255).to(uint8)


def _png(pixels):
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            'SummaryWriter.add_image needs the package pillow: pip install "plugrad[tensorboard]"', name="PIL"
        ) from error
    import io

    height, width, channels = pixels.shape
    memory = pixels.cpu().contiguous().numpy().tobytes()
    file = io.BytesIO()
    Image.frombytes("RGB" if channels == 3 else "RGBA", (width, height), memory).save(file, format="png")
    return file.getvalue()
