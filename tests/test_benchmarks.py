"""The benchmarks' arithmetic and verdicts, and one case through the real processes."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # for the package benchmarks, which is not installed

from benchmarks.__main__ import in_turns, main  # noqa: E402
from benchmarks.cases import CASES  # noqa: E402
from benchmarks.footprint import FOOTPRINTS  # noqa: E402
from benchmarks.lanes import Lane, importable  # noqa: E402
from benchmarks.report import Row, as_markdown, as_text, human, table, verdicts  # noqa: E402


def timed(ours, theirs, value=1.0):
    return [{"seconds": ours, "value": value}, {"seconds": theirs, "value": 1.0}]


def row(*rounds):
    return Row("add_recorded", "x + y", list(rounds))


def test_the_ratio_is_the_median_of_the_rounds_ratios():
    slow_machine_in_round_two = row(timed(1e-6, 2e-6), timed(9e-6, 10e-6), timed(1e-6, 4e-6))
    assert slow_machine_in_round_two.ratios == pytest.approx([0.5, 0.9, 0.25])
    header, line = table([slow_machine_in_round_two], ["plugrad", "torch"])
    assert header == ["case", "what", "plugrad", "torch", "ratio", "range"]
    assert line == ["add_recorded", "x + y", "1 µs", "4 µs", "0.50", "0.25-0.90"]


def test_without_a_second_library_there_is_no_ratio():
    alone = Row("add_recorded", "x + y", [[{"seconds": 1.25e-3, "value": 1.0}]])
    assert table([alone], ["plugrad"]) == [["case", "what", "plugrad"], ["add_recorded", "x + y", "1.25 ms"]]


def test_tables_line_up():
    lines = [["case", "what", "plugrad"], ["a", "long title", "1 s"]]
    assert as_text(lines) == "case  what        plugrad\na     long title      1 s"
    assert as_markdown(lines) == "| case | what | plugrad |\n| :-- | :-- | --: |\n| a | long title | 1 s |"


@pytest.mark.parametrize(
    ("name", "figure", "text"),
    [("lenet", 2.5, "2.5 s"), ("lenet", 0.0123, "12.3 ms"), ("lenet", 8.6e-7, "860 ns"), ("peak_bytes", 2e8, "200 MB")],
)
def test_figures_are_readable(name, figure, text):
    assert human(name, figure) == text


def test_a_bound_that_does_not_hold_is_named():
    bounds = {"ratio": {"add_recorded": 0.4, "lenet": 0.1}, "absolute": {"add_recorded": 2e-6}}
    assert verdicts([row(timed(1e-6, 2e-6))], bounds, compared=True) == [
        "add_recorded: ratio 0.5 is above its bound 0.4"
    ]
    assert verdicts([row(timed(1e-6, 4e-6))], bounds, compared=True) == []
    assert verdicts([row(timed(3e-6, 9e-6))], bounds, compared=True) == [
        "add_recorded: absolute 3e-06 is above its bound 2e-06"
    ]


def test_bounds_on_ratios_hold_against_torch_only():
    assert verdicts([row(timed(1e-6, 1e-6))], {"ratio": {"add_recorded": 0.4}}, compared=False) == []


def test_a_fast_wrong_result_fails():
    wrong = row(timed(1e-9, 1e-6, value=1.01))
    assert wrong.failure == "the results differ: 1.01, 1.0"
    assert verdicts([wrong], {}, compared=True) == ["add_recorded: the results differ: 1.01, 1.0"]
    assert table([wrong], ["plugrad", "torch"])[1][2:] == ["1 ns", "1 µs", "", ""]
    assert row(timed(1e-9, 1e-6, value=1.0005)).failure is None


def test_an_error_fails():
    failed = row(timed(1.0, 1.0), [{"error": "ValueError: no"}, {"seconds": 1.0, "value": 1.0}])
    assert table([failed], ["plugrad", "torch"])[1][2:] == ["failed", "1 s", "", ""]
    assert verdicts([failed], {"ratio": {"add_recorded": 9.0}}, compared=True) == ["add_recorded: ValueError: no"]


def test_the_first_to_run_changes_with_the_round():
    order = []
    runs = [lambda: order.append("ours") or 1, lambda: order.append("theirs") or 2]
    assert [in_turns(runs, number) for number in range(2)] == [[1, 2], [1, 2]]
    assert order == ["ours", "theirs", "theirs", "ours"]


def test_every_bound_belongs_to_a_case():
    bounds = tomllib.loads((ROOT / "benchmarks" / "bounds.toml").read_text())
    assert bounds.keys() <= {"ratio", "absolute"}
    assert {name for limits in bounds.values() for name in limits} <= CASES.keys() | FOOTPRINTS.keys()


def test_every_case_has_a_title():
    titles = [entry.__doc__ for entry in (*CASES.values(), *FOOTPRINTS.values())]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_tuning_variables_of_the_machine_do_not_reach_the_children(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("PYTHONPATH", "before")
    environment = Lane("plugrad", "plugrad", "here").environment(3)
    assert "OPENBLAS_CORETYPE" not in environment
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "3"
    assert environment["PYTHONPATH"].replace(";", ":") == "here:before"


def test_a_checkout_is_importable_and_so_is_an_installation(tmp_path):
    links = Path(importable(ROOT, tmp_path / "scratch"))
    assert (links / "plugrad" / "__init__.py").samefile(ROOT / "src" / "plugrad" / "__init__.py")
    assert (links / "plugrad" / "nn" / "__init__.py").samefile(ROOT / "nn" / "__init__.py")
    assert importable(links, tmp_path / "unused") == str(links)


def test_an_unknown_pattern_is_refused():
    with pytest.raises(SystemExit, match="no case is called 'conv9'"):
        main(["--only", "conv9"])


def test_a_case_runs_in_its_own_process():
    command = [sys.executable, "-m", "benchmarks", "--only", "add_recorded", "--rounds", "1", "--threads", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("add_recorded  x + y on (10,), recorded")
    assert "once" in done.stdout
