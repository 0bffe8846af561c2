"""The pages run: every example in README.md and docs/, README's two commands, the links, and the list of benchmarks."""

import doctest
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
COMMAND = re.compile(r"^<!-- command: ([\w-]+) -->\n```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CI = ROOT / ".ci" / "run"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

sys.path.append(str(ROOT))  # for the package benchmarks, which is not installed

from benchmarks.cases import CASES  # noqa: E402
from benchmarks.footprint import FOOTPRINTS  # noqa: E402


def blocks(page, language):
    """The page's code in one language, each block preceded by as many empty lines as it has lines above it."""
    text = page.read_text(encoding="utf-8")
    found = [block for block in FENCED.finditer(text) if block["language"] == language]
    return ["\n" * text.count("\n", 0, block.start("text")) + block["text"] for block in found]


def session(page):
    """All of a page's `pycon` blocks as one text in which every line stands where the page has it."""
    lines = []
    for block in blocks(page, "pycon"):
        lines += block.split("\n")[len(lines) :]
    return "\n".join(lines)


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def is_fragment(block):
    """Whether the block says, by a line ``...  # what is left out``, that it is not whole."""
    return any(line.strip().startswith("...  #") for line in block.splitlines())


@pytest.mark.cpu
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "pycon")], ids=name_of)
def test_sessions_print_what_the_page_says(page):
    name = name_of(page)
    examples = doctest.DocTestParser().get_doctest(session(page), {"__name__": "__main__"}, name, name, 0)
    assert examples.examples
    report = []
    failed, attempted = doctest.DocTestRunner(optionflags=FLAGS).run(examples, out=report.append)
    assert not failed, f"{failed} of {attempted} examples\n{''.join(report)}"


@pytest.mark.cpu
def test_the_readmes_program_learns(capsys):
    for block in blocks(README, "python"):
        exec(compile(block, str(README), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.splitlines()[0] == "True"


@pytest.mark.cpu
@pytest.mark.parametrize("page", [page for page in PAGES[1:] if blocks(page, "python")], ids=name_of)
def test_programs_run(page):
    for block in blocks(page, "python"):
        code = compile(block, str(page), "exec")
        if not is_fragment(block):
            exec(code, {"__name__": "__main__"})


def test_only_fragments_go_unrun():
    unrun = [name_of(page) for page in PAGES for block in blocks(page, "python") if is_fragment(block)]
    assert unrun == ["docs/backends.md"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    missing = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def commands():
    """README's commands by the names in their markers."""
    found = COMMAND.findall(README.read_text(encoding="utf-8"))
    return {name: line.strip() for name, line in found}


def test_readme_has_its_two_commands_on_a_line_each():
    assert list(commands()) == ["main-job", "tests"]
    assert all(line and "\n" not in line for line in commands().values())
    assert "examples/finetune.py" in commands()["main-job"]
    assert "tox run" in commands()["tests"]


@pytest.mark.skipif(not CI.exists() or not shutil.which("bash"), reason="needs the checkout and bash")
@pytest.mark.parametrize("name", ["main-job", "tests"])
def test_ci_extracts_the_commands_that_the_readme_shows(name):
    script = CI.read_text(encoding="utf-8")
    function = script[script.index("command_of() {") :].partition("\n}\n")[0] + "\n}\n"
    extracted = bash(f"{function}\ncommand_of {name}")
    assert extracted.stdout.strip() == commands()[name]
    assert bash("-n", extracted.stdout).returncode == 0
    (loop,) = [line for line in script.splitlines() if line.startswith("for job in")]
    assert name in re.split(r"[\s;]+", loop)


def bash(*arguments):
    *options, script = arguments
    return subprocess.run(["bash", *options, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)


def test_performance_explains_every_case():
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    rows = text.partition("## The rows")[2].partition("\n## ")[0]
    explained = [
        name
        for line in rows.splitlines()
        if line.startswith("|")
        for name in re.findall(r"`(\w+)`", line.split("|")[2])
    ]
    assert sorted(explained) == sorted([*CASES, *FOOTPRINTS])


def test_the_table_of_figures_is_one_of_the_benchmarks():
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    table = text.partition("<!-- table -->\n")[2].partition("<!-- /table -->")[0]
    assert table.strip()
    names = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:]
    assert set(names) <= {*CASES, *FOOTPRINTS}
