"""plugrad.utils.tensorboard: the event files, read back by TensorBoard's own reader; beside torch's writer too."""

import io
import sys

import pytest

import plugrad
from plugrad.core.training.histogram import count_buckets
from plugrad.utils.tensorboard import SummaryWriter

pytestmark = pytest.mark.device


def events(folder):
    """All events of a folder's files but the ones that tell the version."""
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    found = []
    for path in sorted(folder.glob("events.*")):
        found += [event for event in loader.LegacyEventFileLoader(str(path)).Load() if not event.file_version]
    return found


@pytest.fixture
def writer(tmp_path):
    pytest.importorskip("tensorboard", reason='needs "plugrad[tensorboard]"')
    with SummaryWriter(tmp_path / "run") as writer:
        yield writer


def only_value(writer):
    writer.flush()
    (event,) = events(writer_folder(writer))
    (value,) = event.summary.value
    return value


def writer_folder(writer):
    from pathlib import Path

    return Path(writer.get_logdir())


def test_scalars_with_step_and_time(writer):
    writer.add_scalar("loss", plugrad.tensor([0.5]), 7, walltime=123.5)
    writer.add_scalar("loss", 0.25, global_step=8)
    writer.flush()
    first, second = events(writer_folder(writer))
    assert (first.step, first.wall_time) == (7, 123.5)
    assert (first.summary.value[0].tag, first.summary.value[0].simple_value) == ("loss", 0.5)
    assert second.summary.value[0].simple_value == 0.25
    assert second.wall_time > 1e9


@pytest.mark.parametrize("double", [False, True])
def test_a_scalar_of_the_new_style(writer, double):
    writer.add_scalar("loss", 0.1, 1, new_style=True, double_precision=double)
    value = only_value(writer)
    assert value.metadata.plugin_data.plugin_name == "scalars"
    assert list(value.tensor.double_val if double else value.tensor.float_val) == [pytest.approx(0.1, rel=1e-7)]


def test_several_scalars_go_to_folders_of_their_own(writer):
    writer.add_scalars("loss/all", {"train": 1.0, "test": plugrad.tensor(2.0)}, 3)
    writer.add_scalars("loss/all", {"train": 0.5}, 4)
    writer.close()
    folder = writer_folder(writer)
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"loss_all_train", "loss_all_test"}
    values = [(event.step, event.summary.value[0].simple_value) for event in events(folder / "loss_all_train")]
    assert values == [(3, 1.0), (4, 0.5)]
    assert events(folder / "loss_all_test")[0].summary.value[0].tag == "loss/all"


def test_a_histogram(writer):
    writer.add_histogram("weights", plugrad.tensor([[-1.0, 0.0], [0.5, 2.0]]), 1, bins=3)
    histogram = only_value(writer).histo
    assert (histogram.min, histogram.max, histogram.num) == (-1.0, 2.0, 4)
    assert (histogram.sum, histogram.sum_squares) == (1.5, 5.25)
    assert list(histogram.bucket) == [0, 1, 2, 1]
    assert list(histogram.bucket_limit) == [-1, 0, 1, 2]


def test_an_image(writer):
    image_library = pytest.importorskip("PIL.Image")
    pixels = plugrad.tensor([[[0.0, 0.5, 2.0]], [[1.0, -1.0, 0.25]], [[0.0, 1.0, 0.1]]])
    writer.add_image("picture", pixels, 2)
    image = only_value(writer).image
    assert (image.height, image.width, image.colorspace) == (1, 3, 3)
    decoded = image_library.open(io.BytesIO(image.encoded_image_string))
    assert list(decoded.tobytes()) == [0, 255, 0, 127, 0, 255, 255, 63, 25]


@pytest.mark.parametrize(
    ("shape", "dataformats", "size"),
    [((2, 3), "HW", (2, 3)), ((2, 3), "WH", (3, 2)), ((1, 2, 3), "CHW", (2, 3)), ((2, 3, 4), "HWC", (2, 3))],
)
def test_layouts_of_an_image(writer, shape, dataformats, size):
    pytest.importorskip("PIL")
    writer.add_image("picture", plugrad.zeros(shape, dtype=plugrad.uint8), dataformats=dataformats)
    image = only_value(writer).image
    assert (image.height, image.width) == size


def test_an_image_that_does_not_fit(writer):
    with pytest.raises(AssertionError, match=r"tensor shape: \(2, 2\), input_format: CHW"):
        writer.add_image("picture", plugrad.zeros(2, 2))
    with pytest.raises(AssertionError, match="this one has 2"):
        writer.add_image("picture", plugrad.zeros(2, 2, 2))


def test_a_text(writer):
    writer.add_text("note", "über *alles*", 5)
    value = only_value(writer)
    assert value.tag == "note/text_summary"
    assert value.metadata.plugin_data.plugin_name == "text"
    assert value.tensor.string_val[0].decode() == "über *alles*"


def test_closed_and_opened_again(writer):
    writer.add_scalar("loss", 1.0)
    writer.close()
    writer.close()
    writer.add_scalar("loss", 2.0)
    writer.flush()
    assert len(list(writer_folder(writer).glob("events.*"))) == 2
    assert sorted(event.summary.value[0].simple_value for event in events(writer_folder(writer))) == [1.0, 2.0]


def test_purging(tmp_path):
    pytest.importorskip("tensorboard")
    with SummaryWriter(tmp_path, purge_step=4, filename_suffix=".again") as writer:
        writer.add_scalar("loss", 1.0, 4)
    (path,) = tmp_path.iterdir()
    assert path.name.endswith(".again")
    start, loss = events(tmp_path)
    assert start.session_log.status == start.session_log.START
    assert (start.step, loss.step) == (4, 4)


def test_the_default_folder(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    SummaryWriter(comment="_first").close()
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("_first")


@pytest.mark.parametrize("name", ["add_graph", "add_figure", "add_hparams"])
def test_what_is_refused_is_named(writer, name):
    with pytest.raises(NotImplementedError, match=rf"SummaryWriter\.{name} is not supported"):
        getattr(writer, name)(None)


def test_missing_packages_are_named(writer, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'needs the package pillow: pip install "plugrad\[tensorboard\]"'):
        writer.add_image("picture", plugrad.zeros(1, 2, 2))


def test_a_missing_tensorboard_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard.compat", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r'pip install "plugrad\[tensorboard\]"'):
        SummaryWriter(tmp_path)


# --- buckets, which need no tensorboard ---


def test_growing_buckets():
    buckets = count_buckets(plugrad.tensor([0.0, 1e-3, 1.0, 1.0, -2.0]))
    assert sum(buckets.bucket) == 5
    assert buckets.bucket[0] == 0
    assert len(buckets.bucket) == len(buckets.bucket_limit)
    assert buckets.bucket_limit[0] <= -2.0 < buckets.bucket_limit[1]
    assert buckets.bucket_limit[-2] <= 1.0 < buckets.bucket_limit[-1]


def test_buckets_are_joined():
    buckets = count_buckets(plugrad.arange(10), bins=10, max_bins=4)
    assert buckets.bucket == [0, 2, 2, 2, 2, 2]
    assert buckets.bucket_limit == pytest.approx([0, 1.8, 3.6, 5.4, 7.2, 9])


def test_equal_values_have_a_bucket():
    buckets = count_buckets([3.0, 3.0], bins=1)
    assert (buckets.bucket, buckets.bucket_limit) == ([0, 2], [2.5, 3.5])


def test_buckets_that_cannot_be():
    with pytest.raises(ValueError, match="no element"):
        count_buckets(plugrad.zeros(0))
    with pytest.raises(ValueError, match=r"no value lies between 1\.0 and 2\.0"):
        count_buckets([5.0], bins=[1, 2])
    with pytest.raises(NotImplementedError, match='bins="auto"'):
        count_buckets([5.0], bins="auto")


# --- beside torch ---


def record(writer, tensor):
    weights = tensor([[0.3, -1e-3, 5.0], [0.0, 2.0, 2.0]])
    writer.add_scalar("loss", tensor(0.1), 1, 5.0)
    writer.add_scalar("loss", 0.1, 1, 5.0, new_style=True)
    writer.add_scalars("both/of", {"a": 1, "b": tensor(2.0)}, 2, 5.0)
    writer.add_histogram("weights", weights, 3, walltime=5.0)
    writer.add_histogram("weights", weights, 3, bins=7, walltime=5.0)
    writer.add_histogram("weights", weights, 3, bins=[-1.0, 0.0, 2.0], walltime=5.0)
    writer.add_histogram("weights", weights, 3, bins=9, walltime=5.0, max_bins=4)
    writer.add_image("gray", weights, 4, 5.0, "HW")
    writer.add_image("gray", weights, 4, 5.0, "WH")
    writer.add_image("colour", tensor([weights.tolist()] * 3), None, 5.0)
    writer.add_text("note", "words", 5, 5.0)
    writer.close()


@pytest.mark.oracle
def test_the_same_events_as_torchs_writer(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter as TorchWriter

    record(SummaryWriter(tmp_path / "ours"), plugrad.tensor)
    record(TorchWriter(str(tmp_path / "theirs")), torch.tensor)
    for folder in ("", "both_of_a", "both_of_b"):
        ours, theirs = events(tmp_path / "ours" / folder), events(tmp_path / "theirs" / folder)
        assert ours
        assert [str(event) for event in ours] == [str(event) for event in theirs]
