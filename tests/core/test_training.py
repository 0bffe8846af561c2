"""plugrad.utils.training: metrics, progress, CSV logs, early stopping and the best weights."""

import io
import math
import sys

import pytest

import plugrad
from plugrad import nn
from plugrad.utils.training import (
    Accuracy,
    BestCheckpoint,
    CSVLogger,
    EarlyStopping,
    Mean,
    Perplexity,
    PlainProgress,
    progress,
)

pytestmark = pytest.mark.device

# --- metrics ---


def test_mean_weighs_numbers_and_tensors():
    mean = Mean()
    assert math.isnan(mean.compute())
    mean.update(1.0, weight=3)
    mean.update(plugrad.tensor([4.0, 6.0], requires_grad=True))
    assert mean.compute() == pytest.approx((3 + 4 + 6) / 5)
    assert str(mean) == "2.6"
    mean.reset()
    mean.update(plugrad.tensor(7, dtype=plugrad.int64))
    assert mean.compute() == 7.0


def test_a_mean_loses_nothing_of_many_float32_values():
    mean = Mean()
    mean.update(plugrad.tensor(2.0**24))
    for _ in range(3):
        mean.update(plugrad.tensor(1.0))
    assert mean.compute() * 4 == 2**24 + 3  # float32 would have dropped the ones


def test_a_mean_keeps_no_graph():
    x = plugrad.ones(3, requires_grad=True)
    mean = Mean()
    mean.update((x * 2).sum())
    assert not mean.total.requires_grad


def test_metrics_go_on_from_their_state():
    first, second, whole = Mean(), Mean(), Mean()
    for metric in (first, whole):
        metric.update(plugrad.tensor(2.0), 3)
    second.load_state_dict(first.state_dict())
    for metric in (second, whole):
        metric.update(5.0)
    assert second.compute() == whole.compute()
    assert first.state_dict() == {"total": 6.0, "weight": 3.0}


LOGITS = [[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.3, 0.1, 0.6], [0.2, 0.5, 0.3]]


@pytest.mark.parametrize(
    ("options", "labels", "wanted"),
    [
        ({}, [1, 1, 2, 0], 2 / 4),
        ({"top_k": 2}, [1, 1, 0, 0], 3 / 4),
        ({"top_k": 3}, [1, 1, 0, 0], 1.0),
        ({"ignore_index": -100}, [1, -100, 2, 0], 2 / 3),
        ({"ignore_index": 1}, [1, 1, 0, 0], 0.0),
    ],
)
def test_accuracy(options, labels, wanted):
    accuracy = Accuracy(**options)
    accuracy.update(plugrad.tensor(LOGITS[:2]), plugrad.tensor(labels[:2]))
    accuracy.update(plugrad.tensor(LOGITS[2:]), plugrad.tensor(labels[2:]))
    assert accuracy.compute() == pytest.approx(wanted)


def test_accuracy_of_pixels_and_of_given_classes():
    logits = plugrad.tensor(LOGITS).t().unsqueeze(0)  # one sample, three classes, four places
    accuracy = Accuracy()
    accuracy.update(logits, plugrad.tensor([[1, 0, 2, 0]]))
    assert str(accuracy) == "75.0%"
    accuracy.update(plugrad.tensor([1, 2]), plugrad.tensor([1, 1]))
    assert accuracy.compute() == pytest.approx(4 / 6)


def test_accuracy_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"\(N, C, ...\).*\(4, 3\) and \(3,\)"):
        Accuracy().update(plugrad.tensor(LOGITS), plugrad.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="top_k is 4, but there are 3"):
        Accuracy(top_k=4).update(plugrad.tensor(LOGITS), plugrad.tensor([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="1 or more"):
        Accuracy(top_k=0)


def test_perplexity_of_a_uniform_guess_is_the_number_of_classes():
    perplexity = Perplexity()
    for size in (3, 5):
        logits, labels = plugrad.zeros(size, 16), plugrad.zeros(size, dtype=plugrad.int64)
        perplexity.update(nn.functional.cross_entropy(logits, labels), weight=size)
    assert perplexity.compute() == pytest.approx(16, rel=1e-6)
    assert perplexity.bits() == pytest.approx(4, rel=1e-6)
    perplexity.update(1e9)
    assert perplexity.compute() == math.inf


# --- progress ---


def test_progress_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r'pip install "plugrad\[tqdm\]"'):
        progress(range(3))


def test_progress_falls_back_to_lines_when_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    out = io.StringIO()
    bar = progress(range(20), "epoch", fallback=True, file=out, unit="batch")
    assert isinstance(bar, PlainProgress)
    assert len(bar) == 20
    mean = Mean()
    for i in bar:
        mean.update(i)
        bar.set_postfix(loss=mean, rate=0.12345)
    lines = out.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("epoch: 2/20 batch, ")
    assert lines[-1].endswith("s, loss=9.5, rate=0.123")


def test_plain_progress_moved_by_hand():
    out = io.StringIO()
    with PlainProgress(total=4, initial=1, file=out) as bar:
        bar.set_description("training")
        bar.update(2)
    with PlainProgress(file=out) as bar:
        bar.update(7)
    with PlainProgress(total=1, file=out, disable=True) as bar:
        bar.update()
    assert [line.split(",")[0] for line in out.getvalue().splitlines()] == ["training: 3/4 it", "7 it"]


def test_progress_by_tqdm():
    tqdm = pytest.importorskip("tqdm.auto").tqdm
    out = io.StringIO()
    bar = progress(range(5), "epoch", file=out, mininterval=0)
    assert isinstance(bar, tqdm)
    for _ in bar:
        bar.set_postfix(loss=Mean())
    assert "epoch: 100%" in out.getvalue()
    assert "loss=nan" in out.getvalue()


# --- CSV ---


def test_csv_rows(tmp_path):
    path = tmp_path / "new" / "log.csv"
    with CSVLogger(path) as log:
        log.write(epoch=1, loss=plugrad.tensor(0.5), note='a "quoted", text')
        log.write(epoch=2, note="")
        with pytest.raises(ValueError, match=r"no column accuracy in .*; it has epoch, loss, note"):
            log.write(epoch=3, accuracy=1.0)
    assert path.read_text() == 'epoch,loss,note\n1,0.5,"a ""quoted"", text"\n2,,\n'
    log.close()


def test_csv_rows_are_there_at_once(tmp_path):
    log = CSVLogger(tmp_path / "log.csv")
    log.write(loss=1)
    assert (tmp_path / "log.csv").read_text() == "loss\n1\n"
    log.close()


def test_csv_goes_on_and_drops_half_a_line(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n1,0.5\n2,0.4\n3,0.")
    with CSVLogger(path, resume=True) as log:
        assert log.rows == 2
        log.write(loss=0.3, step=3)
    assert path.read_text() == "step,loss\n1,0.5\n2,0.4\n3,0.3\n"
    with CSVLogger(tmp_path / "other.csv", resume=True) as log:
        log.write(a=1)
    with CSVLogger(path) as log:
        log.write(b=2)
    assert path.read_text() == "b\n2\n"


def test_csv_rows_after_a_checkpoint_are_dropped(tmp_path):
    path = tmp_path / "log.csv"
    with CSVLogger(path) as log:
        log.write(step=1)
        state = log.state_dict()
        log.write(step=2)
        log.write(step=3)
    with CSVLogger(path, resume=True) as log:
        log.load_state_dict(state)
        log.write(step=20)
        with pytest.raises(ValueError, match=r"5 rows expected in .*, but it has 2"):
            log.load_state_dict({"rows": 5})
        assert path.read_text() == "step\n1\n20\n"
        log.load_state_dict({"rows": 0})
        log.write(other="columns")
    assert path.read_text() == "other\ncolumns\n"


# --- early stopping ---


@pytest.mark.parametrize(
    ("options", "values", "stops"),
    [
        ({"patience": 0}, [3, 2, 2], 2),
        ({"patience": 1}, [3, 2, 2, 2], 3),
        ({"patience": 1, "mode": "max"}, [1, 2, 1, 3, 3, 3], 5),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.5, 1], 2),
        ({"patience": 1}, [3, math.nan, math.nan], 2),
        ({"patience": 1}, [math.nan, math.nan], 1),
    ],
)
def test_early_stopping(options, values, stops):
    stopping = EarlyStopping(**options)
    answers = [stopping.step(plugrad.tensor(float(value))) for value in values]
    assert answers == [i >= stops for i in range(len(values))]


def test_early_stopping_goes_on_from_its_state():
    first, second = EarlyStopping(2), EarlyStopping(2)
    for value in (1.0, 2.0, 3.0):
        assert not first.step(value)
    second.load_state_dict(first.state_dict())
    assert (second.best, second.best_step, second.bad_steps) == (1.0, 0, 2)
    assert second.step(1.5)
    assert second.state_dict()["steps"] == 4


@pytest.mark.parametrize("options", [{"patience": -1}, {"min_delta": -1.0}, {"mode": "least"}])
def test_early_stopping_refuses(options):
    with pytest.raises(ValueError, match="must be"):
        EarlyStopping(**options)


# --- the best weights ---


def trained(best, losses):
    model = nn.Linear(2, 1)
    for i, loss in enumerate(losses):
        nn.init.constant_(model.weight, float(i))
        assert best.step(loss, model) == (best.best_step == i)
    return model


@pytest.mark.parametrize("in_file", [False, True])
def test_the_best_weights_come_back(in_file, tmp_path):
    best = BestCheckpoint(tmp_path / "best.pth" if in_file else None)
    model = trained(best, [0.5, 0.2, 0.3])
    assert best.restore(model) is model
    assert model.weight.tolist() == [[1.0, 1.0]]
    assert (best.best, best.best_step, best.steps) == (0.2, 1, 3)
    assert [path.name for path in tmp_path.iterdir()] == (["best.pth"] if in_file else [])


@pytest.mark.parametrize("in_file", [False, True])
def test_the_best_weights_go_on_from_a_checkpoint(in_file, tmp_path):
    path = tmp_path / "best.pth" if in_file else None
    first = BestCheckpoint(path, mode="max")
    trained(first, [0.5, 0.7, 0.1])
    plugrad.save(first.state_dict(), tmp_path / "checkpoint.pth")
    second = BestCheckpoint(path, mode="max")
    second.load_state_dict(plugrad.load(tmp_path / "checkpoint.pth"))
    model = nn.Linear(2, 1)
    assert not second.step(0.6, model)
    assert second.restore(model).weight.tolist() == [[1.0, 1.0]]
    assert second.step(0.8, model)


def test_nothing_to_restore():
    best = BestCheckpoint()
    assert not best.step(math.nan, nn.Linear(1, 1))
    with pytest.raises(RuntimeError, match="nothing to restore"):
        best.restore(nn.Linear(1, 1))


def test_a_save_that_fails_keeps_the_old_best(tmp_path, monkeypatch):
    best = BestCheckpoint(tmp_path / "best.pth")
    model = trained(best, [0.5])
    with monkeypatch.context() as patch:
        patch.setattr("plugrad.core.pickling.Pickler.dump", interrupted)
        with pytest.raises(KeyboardInterrupt):
            best.step(0.1, model)
    assert (best.best, best.best_step, best.steps) == (0.5, 0, 1)
    nn.init.constant_(model.weight, 9.0)
    assert best.restore(model).weight.tolist() == [[0.0, 0.0]]


def interrupted(self, obj):
    raise KeyboardInterrupt


def test_the_module_is_loaded_only_when_asked_for():
    import subprocess

    program = "import sys, plugrad.utils; print([m for m in sys.modules if 'training' in m or 'tensorboard' in m])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
