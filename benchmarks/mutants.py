"""Whether the quick tests notice an error in the numerical core: a random sample of mutants.

A mutant is one change of one operator, comparison, sign, condition, number or loop, made by the
operators of cosmic-ray; OPERATORS names them.  Not mutated are texts, types and messages, and what
is as right a little different: numbers that stand alone at the top of a file (budgets, thresholds,
factors), defaults of arguments and fields, and estimates of time and memory (ESTIMATES names the
functions that make them).  The sample is drawn without replacement, every file in proportion to its
mutants, with LEAST of each at least.

First the quick tests of the core run once, with coverage, to know which test reaches which line
and how long it takes.  A mutant is given to the tests that reach its statement, the short ones and
the file's own first, until one fails or they have taken so long that it counts as a survivor; the
code is that of the last commit.  It counts as killed, or as timed out if a test takes many times
its usual time of the processor.  Survivors that change nothing that could be noticed are listed in
mutants.json by hand, with the reason.  The report, kept in the same file, has the Clopper-Pearson
bound on the share killed of the others; the exit code tells whether it is above 90 %.  An
interrupted run goes on where it was.

    python benchmarks/mutants.py [--count 300] [--seed 1] [--only 'meanfield/*'] [--list]
"""

from __future__ import annotations

import ast
import importlib
import json
import math
import os
import platform
import resource
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter, defaultdict
from fnmatch import fnmatch
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).with_suffix(".json")
WORK = ROOT / "build" / "mutants"
# Where the tests of the core are.
TESTS = ("tests/meanfield", "tests/simulate", "meanfield", "simulate")
OTHER_TESTS = (
    "*/common", "*/studies", "*/validation", "*/test_command_line.py", "*/test_child_seeds.py",
)  # fmt: skip
CORE = (
    "meanfield/*.py", "meanfield/replica/*.py", "meanfield/dmft/**/*.py",
    "simulate/*.py", "simulate/fixed_points/*.py", "simulate/integration/*.py",
)  # fmt: skip
NOT_CORE = ("*/command_line.py", "*/__init__.py", "*/__main__.py")
_BINARY = (
    "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Pow_Mul", "FloorDiv_Mul", "Mod_Mul",
)  # fmt: skip
_COMPARISONS = (
    "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
    "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is",
)  # fmt: skip
OPERATORS = (
    *(f"ReplaceBinaryOperator_{name}" for name in _BINARY),
    *(f"ReplaceComparisonOperator_{name}" for name in _COMPARISONS),
    "ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot",
    "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue",
    "NumberReplacer", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak",
    "ZeroIterationForLoop", "ExceptionReplacer",
)  # fmt: skip
# Functions and methods that only estimate: neither their code is mutated nor what they are given.
ESTIMATES = ("check", "afford", "time_of", "_check_cost", "_check_targets", "least_evaluations")
LEAST = 2
WANTED, CONFIDENCE = 0.9, 0.95
# Seconds of the processor a test may take: so much, and so many times its usual time.
_ALLOWED, _TIMES = 20.0, 8.0
_MEMORY = 8 << 30
# Seconds of tests that are asked before all longer ones.
_SHORT = 0.5
# What every test imports; the package itself is imported after it was mutated.
_PRELOADED = (
    "scipy.integrate", "scipy.linalg", "scipy.optimize", "scipy.signal", "scipy.sparse.linalg",
    "scipy.special", "scipy.stats", "xarray", "hypothesis", "matplotlib.pyplot", "mpmath",
    "arviz_stats.base",
)  # fmt: skip


class Mutant(NamedTuple):
    """One change, in the statement of lines `first` to `last`."""

    file: str
    line: int
    operator: str
    occurrence: int
    first: int
    last: int

    def change(self, tree: Path) -> tuple[str, str, str]:
        """File, line and changed line: what it is known by when the lines have moved."""
        source = (tree / self.file).read_text(encoding="utf-8")
        before, after = source.splitlines(), self.code(source).splitlines()
        if len(before) != len(after):
            return self.file, before[self.line - 1].strip(), "(lines of another number)"
        pairs = [(a.strip(), b.strip()) for a, b in zip(before, after, strict=True) if a != b]
        return self.file, "; ".join(a for a, _ in pairs), "; ".join(b for _, b in pairs)

    def code(self, source: str) -> str:
        """The mutated file."""
        from cosmic_ray.mutating import mutate_code

        code = mutate_code(source, _operator(self.operator), self.occurrence)
        assert code is not None
        return str(code)


class Suite(NamedTuple):
    """The quick tests: seconds of each, and which of them reach which lines of the core."""

    seconds: dict[str, float]
    reached: dict[str, dict[int, list[str]]]


class Stopwatch:
    """A plug-in of pytest that adds up how long each test takes, or stops one that takes longer."""

    def __init__(self, usual: dict[str, float] | None = None) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()
        self.usual = usual

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a phase of a test."""
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Start the clock of the processor."""
        if self.usual is not None:
            # The signal ends the process, whatever compiled code it is in.
            allowed = _ALLOWED + _TIMES * self.usual.get(item.nodeid, 0)
            signal.setitimer(signal.ITIMER_PROF, allowed)


def clean_copy(commit: str, suffix: str = "") -> Path:
    """The files of a commit, in a folder of their own."""
    tree = WORK / (commit + suffix)
    if not tree.exists():
        packed = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(tree.with_suffix(".part"), filter="data")
        tree.with_suffix(".part").rename(tree)
    return tree


def measured(tree: Path) -> Suite:
    """The quick tests on the unchanged code, run if they have not been."""
    from coverage import CoverageData

    data, times = tree / ".coverage", tree / "seconds.json"
    if not times.exists():
        # In a process of its own: what is imported there must not be where mutants are judged.
        if (child := os.fork()) == 0:
            code = 1
            try:
                _run_all(times)
                code = 0
            finally:
                os._exit(code)
        if os.waitpid(child, 0)[1]:
            raise click.ClickException("the tests cannot be run")
    seconds = json.loads(times.read_text(encoding="utf-8"))
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in seconds:
        by_file[test.partition("::")[0]].append(test)
    coverage = CoverageData(str(data))
    coverage.read()
    reached: dict[str, dict[int, list[str]]] = {}
    for file in core(tree):
        reached[file] = {}
        for line, contexts in coverage.contexts_by_lineno(file).items():
            tests: set[str] = set()
            for test, _, phase in (context.rpartition("|") for context in contexts):
                # What one test sets up may serve all tests of its file.
                tests.update(by_file[test.partition("::")[0]] if phase != "run" else [test])
            reached[file][line] = sorted(tests & seconds.keys())
    return Suite(seconds, reached)


def _run_all(times: Path) -> None:
    watch = Stopwatch()
    arguments = ["-q", "-n", "2", "--cov", "--cov-context=test", "-p", "no:cacheprovider"]
    arguments += [*TESTS, *(f"--ignore-glob={pattern}" for pattern in OTHER_TESTS)]
    if pytest.main(arguments, plugins=[watch]) not in (0, 1):
        raise RuntimeError("the tests cannot be run")
    # What fails without a mutant, like what needs a git repository, tells nothing.
    passed = {test: s for test, s in watch.seconds.items() if test not in watch.failed}
    times.write_text(json.dumps(passed), encoding="utf-8")


def core(tree: Path) -> list[str]:
    files = {str(path.relative_to(tree)) for pattern in CORE for path in tree.glob(pattern)}
    return sorted(f for f in files if not any(fnmatch(f, left_out) for left_out in NOT_CORE))


def mutants(tree: Path, file: str) -> list[Mutant]:
    """All mutants of a file."""
    from cosmic_ray.ast import ast_nodes, get_ast

    source = (tree / file).read_text(encoding="utf-8")
    lines = source.splitlines()
    nodes = list(ast_nodes(get_ast(source)))
    module = ast.parse(source)
    spans, choices, as_right = _statements(module), _chosen(module), _as_right(module)
    found = []
    for name in OPERATORS:
        operator = _operator(name)
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, ((line, column), _) in enumerate(places):
            before = "".join([*lines[: line - 1], lines[line - 1][:column]]).rstrip()
            # A star of arguments is no product.
            starred = "*" in lines[line - 1][column:][:1] and before[-1] in "([{,"
            chosen = name == "NumberReplacer" and (line, column) in choices
            free = any(first <= (line, column) < last for first, last in as_right)
            if not (chosen or starred or free or "TYPE_CHECKING" in lines[line - 1]):
                span = spans.get(line, (line, line))
                found.append(Mutant(file, line, name, occurrence, *span))
    return found


def _statements(module: ast.Module) -> dict[int, tuple[int, int]]:
    """The statement of every line, its body left out of compound ones."""
    spans: dict[int, tuple[int, int]] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            body = None if isinstance(node, ast.FunctionDef) else getattr(node, "body", None)
            last = max(body[0].lineno - 1, node.lineno) if body else node.end_lineno
            assert last is not None
            for line in range(node.lineno, last + 1):
                if line not in spans or spans[line][1] - spans[line][0] >= last - node.lineno:
                    spans[line] = node.lineno, last
    return spans


def _chosen(module: ast.Module) -> set[tuple[int, int]]:
    """Places of numbers that stand alone, and of defaults of arguments and fields."""
    choices: list[ast.AST] = []
    for node in ast.walk(module):
        if isinstance(node, ast.arguments):
            choices += [default for default in (*node.defaults, *node.kw_defaults) if default]
        elif isinstance(node, ast.ClassDef):
            choices += [field for field in node.body if isinstance(field, ast.AnnAssign)]
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
            if all(name.lstrip("_").isupper() for name in names - {"np", "math"}):
                choices.append(node)
    return {
        (part.lineno, part.col_offset)
        for choice in choices
        for part in ast.walk(choice)
        if isinstance(part, ast.Constant)
    }


def _as_right(module: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """From where to where there are messages or estimates."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            is_free = node.name in ESTIMATES
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            is_free = called in ("warn", *ESTIMATES)
        else:
            is_free = isinstance(node, ast.Raise)
        if is_free:
            assert isinstance(node, ast.expr | ast.stmt)
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            first, last = node.lineno, node.end_lineno
            found.append(((first, node.col_offset), (last, node.end_col_offset)))
    return found


def _operator(name: str) -> Any:
    from cosmic_ray.plugins import get_operator

    return get_operator(f"core/{name}")()


def sample(population: dict[str, list[Mutant]], count: int, seed: int) -> list[Mutant]:
    """`count` mutants at least: every file in proportion, LEAST of each; in random order."""
    rng = np.random.default_rng(seed)
    total = sum(map(len, population.values()))
    drawn = []
    for _, some in sorted(population.items()):
        size = min(len(some), max(LEAST, round(count * len(some) / total)))
        drawn += [some[k] for k in rng.choice(len(some), size, replace=False)]
    return [drawn[k] for k in rng.permutation(len(drawn))]


def judges(mutant: Mutant, suite: Suite, patience: float) -> list[str]:
    """The tests that reach a mutant, in the order to ask them, for so many seconds."""
    lines = suite.reached[mutant.file]
    tests = {
        test for line in range(mutant.first, mutant.last + 1) for test in lines.get(line, [])
    } or {test for some in lines.values() for test in some}
    path = Path(mutant.file)
    own = f"test_{path.stem}.", f"test_{path.parent.name}."

    def rank(test: str) -> tuple[bool, bool, bool, int, str]:
        # Those of about the same length by file, whose fixtures they share.
        seconds = suite.seconds[test]
        beside = Path(test.partition("::")[0]).parent == "tests" / path.parent
        is_own = any(name in test for name in own)
        return seconds > _SHORT, not is_own, not beside, math.frexp(seconds + 0.1)[1], test

    asked, total = [], 0.0
    for test in sorted(tests, key=rank):
        total += suite.seconds[test]
        if total > patience and asked:
            break
        asked.append(test)
    return asked


def judged(tree: Path, mutant: Mutant, suite: Suite, patience: float) -> str:
    """What killed a mutant: a test or "time-out"; empty if nothing did."""
    tests = judges(mutant, suite, patience)
    if not tests:
        return ""
    path = tree / mutant.file
    source = path.read_text(encoding="utf-8")
    for stale in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        stale.unlink()
    killer = tree / "killer"
    killer.unlink(missing_ok=True)
    path.write_text(mutant.code(source), encoding="utf-8")
    try:
        child = os.fork()
        if child == 0:
            _child(tests, suite.seconds, killer)
        _, status = os.waitpid(child, 0)
        # What the tests started and left.
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        path.write_text(source, encoding="utf-8")
    if os.WIFSIGNALED(status):
        return (
            "time-out" if os.WTERMSIG(status) == signal.SIGPROF else f"signal {os.WTERMSIG(status)}"
        )
    if os.WEXITSTATUS(status) == 0:
        return ""
    if not killer.exists():
        raise click.ClickException(f"no test failed, but pytest did: {described(tree, mutant)}")
    return killer.read_text(encoding="utf-8")


def _child(tests: list[str], usual: dict[str, float], killer: Path) -> None:
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)

    class Witness:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                killer.write_text(report.nodeid, encoding="utf-8")

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            if report.failed:
                killer.write_text(f"import in {report.nodeid}", encoding="utf-8")

    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist"]
    code = 1
    try:
        code = int(pytest.main([*options, *tests], plugins=[Stopwatch(usual), Witness()]))
    finally:
        os._exit(code)


def clopper_pearson(killed: int, total: int) -> float:
    """Lower bound on a share."""
    from scipy.stats import beta

    return float(beta.ppf(1 - CONFIDENCE, killed, total - killed + 1)) if killed else 0.0


def summary(tree: Path, verdicts: dict[Mutant, str], equivalent: Any) -> dict[str, Any]:
    """The counts, by file, and what survived."""
    reasons = {(e["file"], e["was"], e["becomes"]): e["reason"] for e in equivalent}
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for mutant, verdict in verdicts.items():
        kind = "timed out" if verdict == "time-out" else "killed" if verdict else "survived"
        if kind == "survived" and (change := mutant.change(tree)) in reasons:
            kind = "equivalent"
        elif kind == "survived":
            survivors.append([f"{mutant.file}:{mutant.line}", *change[1:]])
        rows[mutant.file][kind] += 1
    total = sum(rows.values(), Counter())
    dead = total["killed"] + total["timed out"]
    counted = dead + total["survived"]
    return {
        "sample": len(verdicts),
        **total,
        "share_killed": round(dead / counted, 4),
        "bound": round(clopper_pearson(dead, counted), 4),
        "files": {file: dict(row) for file, row in sorted(rows.items())},
        "survivors": sorted(survivors),
    }


def described(tree: Path, mutant: Mutant) -> str:
    file, was, becomes = mutant.change(tree)
    return f"{file}:{mutant.line}: {was}  ->  {becomes}"


def enter(tree: Path) -> None:
    """Work on one copy of the code, here and in processes of the tests."""
    os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg"}
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(tree))
    os.chdir(tree)


def work(tree: Path, part: list[Mutant], suite: Suite, patience: float, journal: Path) -> None:
    """Judge mutants, in a copy of the code that no other process uses."""
    enter(tree)
    # Compiled once; the copies of a mutated file are removed, and none are written later.
    compiled = {name: value for name, value in os.environ.items() if "BYTECODE" not in name}
    collect = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    subprocess.run([*collect, *TESTS], env=compiled, capture_output=True, check=False)
    for mutant in part:
        begin = time.perf_counter()
        verdict = judged(tree, mutant, suite, patience)
        with journal.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps([*mutant, verdict]) + "\n")
        spent = time.perf_counter() - begin
        click.echo(f"{spent:.0f} s, {verdict or 'SURVIVED'}: {described(tree, mutant)}")


def known(journal: Path) -> dict[Mutant, str]:
    if not journal.exists():
        return {}
    rows = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    return {Mutant(*fields): verdict for *fields, verdict in rows}


@click.command()
@click.option("--count", default=300, show_default=True, help="Mutants to draw.")
@click.option("--seed", default=1, show_default=True, help="Of the draw.")
@click.option("--patience", default=120.0, show_default=True, help="Seconds of tests a mutant.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--only", default="*", show_default=True, help="Files to mutate; nothing is kept.")
@click.option("--list", "listed", is_flag=True, help="Show the mutants, and run none.")
def main(
    count: int, seed: int, patience: float, workers: int, only: str, listed: bool
) -> None:  # fmt: skip
    shown = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, check=True
    )
    commit = shown.stdout.decode().strip()
    tree = clean_copy(commit)
    files = [file for file in core(tree) if fnmatch(file, only)]
    population = {file: mutants(tree, file) for file in files}
    drawn = sample(population, count, seed)
    if listed:
        for mutant in sorted(drawn):
            click.echo(described(tree, mutant))
        return
    enter(tree)
    suite = measured(tree)
    for name in _PRELOADED:
        importlib.import_module(name)
    journal = WORK / f"{commit}-{seed}-{count}.jsonl"
    left = [mutant for mutant in drawn if mutant not in known(journal)]
    processes = []
    for k in range(min(workers, len(left))):
        own = clean_copy(commit, f"-{k}")
        if (process := os.fork()) == 0:
            code = 1
            try:
                work(own, left[k::workers], suite, patience, journal)
                code = 0
            finally:
                os._exit(code)
        processes.append(process)
    if any(os.waitpid(process, 0)[1] for process in processes):
        raise click.ClickException("a process failed")
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    verdicts = known(journal)
    report = {
        "seed": seed,
        "patience": patience,
        "population": sum(map(len, population.values())),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("cosmic-ray", "numpy", "pytest", "scipy")},
    } | summary(tree, {mutant: verdicts[mutant] for mutant in drawn}, kept["equivalent"])
    click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    if only == "*":
        text = json.dumps(kept | {"report": report}, indent=1, ensure_ascii=False)
        KEPT.write_text(text + "\n", encoding="utf-8")
    sys.exit(report["bound"] < WANTED)


if __name__ == "__main__":
    main()
