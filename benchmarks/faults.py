"""What faults of machines cost: programs that are stopped, disks that are full, files that decay.

    python benchmarks/faults.py kills        commands killed, terminated, out of disk, and repeated
    python benchmarks/faults.py corruptions  stored files of which a few bytes are others

The exit code is 1 if anything finished is lost, half, or believed though it is damaged.
"""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from meanfield import ArgumentError, load, saddle_point, sweep
from meanfield.common import files
from meanfield.common.files import read_kept, write_kept
from meanfield.common.store import Store
from simulate import validate

SAMPLED = ("--trajectories", "1024", "--batches", "2")
COMMANDS: dict[str, Sequence[str]] = {
    "sweep": ("meanfield", "sweep", "--g", "0.5,0.9,1.5", "--gamma", "-0.1,0.3"),
    "reproduce": (
        "simulate", "reproduce", "hh3", "--n", "40", "--trials", "2", "--t-max", "20", "--variant",
        "converged",
    ),
    "validate": ("simulate", "validate", "--rows", "identities"),
    "freezing": (
        "meanfield", "freezing", "--quick", "--g", "1.5,2", "--onsager", "0,1", "--t-chaos", "1",
        "--t-frozen", "1", *SAMPLED,
    ),
    "response-curve": (
        "meanfield", "response-curve", "--quick", "--g", "0.5,1.5", "--gamma", "0.5", "--t-skip",
        "5", "--t-max", "15", "--window", "5", *SAMPLED,
    ),
}  # fmt: skip
# What differs between two runs that find the same.
VOLATILE = {"created", "seconds", "reused", "core_seconds", "command", "seed"}
KINDS = ("SIGKILL", "SIGTERM", "full disk")


@click.group(context_settings={"show_default": True})
def main() -> None:
    """What faults of machines cost."""


@main.command()
@click.option("--kills", "count", type=click.IntRange(1), default=100, help="Of all commands.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of moments and sizes.")
@click.option("--only", type=click.Choice(list(COMMANDS)), multiple=True, help="Some commands.")
def kills(count: int, seed: int, only: Sequence[str]) -> None:
    """Stop commands at random moments: is what was finished lost, what is there half?"""
    rng = np.random.default_rng(seed)
    names, faults = only or list(COMMANDS), list[str]()
    with TemporaryDirectory() as folder:
        victims = {name: Victim(name, Path(folder, name)) for name in names}
        for number in range(count):
            victim = victims[names[number % len(names)]]
            kind = KINDS[number // len(names) % len(KINDS)]
            faults += [f"{victim.name}, {kind}: {fault}" for fault in victim.stopped(kind, rng)]
        for victim in victims.values():
            faults += [f"{victim.name}, repeated: {fault}" for fault in victim.repeated()]
            click.echo(f"{victim.name} ({victim.seconds:.1f} s): {victim.told()}")
    report(faults, f"{count} kills")


def report(faults: Sequence[str], what: str) -> None:
    """The end of a command."""
    for fault in faults:
        click.echo(f"FAULT {fault}")
    click.echo(f"{what}, {len(faults)} faults")
    sys.exit(bool(faults))


class Victim:
    """A command in a folder that has the results of another seed."""

    def __init__(self, name: str, place: Path) -> None:
        self.name, self.place, self.output = name, place, place / "out"
        place.mkdir()
        self.count: Counter[str] = Counter()
        self.sets, self.seconds = {}, float("inf")
        for seed in (0, 1):
            start = time.perf_counter()
            code, said = self.ended(self.begun(seed))
            self.seconds = min(self.seconds, time.perf_counter() - start)
            assert code == 0, said
            self.sets[seed] = contents(self.output)
            assert self.sets[seed]
            self.output.rename(place / f"seed {seed}")
        self.largest = max(path.stat().st_size for path in place.rglob("*") if path.is_file())
        self.reset()

    def reset(self) -> None:
        """Begin with the old results and no points."""
        shutil.rmtree(self.output, ignore_errors=True)
        shutil.copytree(self.place / "seed 0", self.output)
        for log in self.output.rglob("*.jsonl"):
            log.unlink()

    def begun(self, seed: int, limit: int | None = None) -> subprocess.Popen[str]:
        """A process that runs it; no file of it may be longer than the limit."""
        both = (limit, limit)
        words = (*COMMANDS[self.name], "--csv", "--workers", "1", "--output", "out")
        return subprocess.Popen(
            [sys.executable, "-m", *words, "--seed", str(seed)],
            cwd=self.place, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=limit and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, both)),
        )  # fmt: skip

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Exit code and what was said on the standard error but for warnings and what was kept."""
        said = process.communicate(timeout=600)[1].splitlines()
        lines = [
            line for line in said
            if line and not line.startswith("warning: ") and not line.endswith("kept, going on")
        ]  # fmt: skip
        return process.returncode, "\n".join(lines)

    def stopped(self, kind: str, rng: np.random.Generator) -> list[str]:
        """Faults after a run that was stopped."""
        kept, expected = self.points(), {0}
        if kind == "full disk":
            limit = int(np.exp(rng.uniform(np.log(50), np.log(1.1 * self.largest))))
            code, said = self.ended(self.begun(1, limit))
            expected = {0, 1}
        else:
            process = self.begun(1)
            with suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0.1, 1.05) * self.seconds)
            process.send_signal(getattr(signal, kind))
            code, said = self.ended(process)
            # Before the package is imported a signal has its usual effect.
            expected |= {-getattr(signal, kind), 143 if kind == "SIGTERM" else 0}
        self.count[f"{kind} {code}"] += 1
        faults = [f"exit code {code}: {said}"] if code not in expected else []
        if said.count("\n") or "Traceback" in said or (code == 1 and "out/" not in said):
            faults.append(f"said {said!r}")
        if lost := kept - self.points():
            faults.append(f"{len(lost)} points lost")
        # What was cut off is finished by the next that looks.
        files.settle(self.output)
        there = contents(self.output)
        # A run that ends as it draws leaves data and a caption without pictures.
        undrawn = {name: one for name, one in self.sets[1].items() if not name.endswith(".png")}
        if there not in (*self.sets.values(), undrawn):
            faults.append(f"neither the old nor the new results: {sorted(there)}")
        faults += [f"{path} is left" for path in self.output.glob(".*") if path.is_dir()]
        self.count["points found"] += len(kept)
        if there == self.sets[1]:
            self.reset()
        return faults

    def repeated(self) -> list[str]:
        """Faults of a last run that nothing stops."""
        code, said = self.ended(self.begun(1))
        faults = [f"exit code {code}: {said}"] if code else []
        if contents(self.output) != self.sets[1]:
            faults.append("not what an undisturbed run finds")
        return faults + [f"{path} is left" for path in self.output.glob(".*")]

    def points(self) -> set[str]:
        """Keys of what is in the stores."""
        found = set()
        for log in self.output.rglob("*.jsonl"):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found |= {key for key, *_ in Store(log.parent).read().points()}
        return found

    def told(self) -> str:
        """How often it ended how."""
        return ", ".join(f"{name}: {count}" for name, count in sorted(self.count.items()))


def contents(folder: Path) -> dict[str, Any]:
    """Numbers and texts of results by file; a set of which a file is another is no result."""
    found: dict[str, Any] = {}
    for path in folder.iterdir():
        if path.suffix == ".nc":
            facts = load(path).to_dict()
            facts["attrs"] = steady(facts["attrs"])
            found[path.name] = repr(facts)
        elif path.suffix == ".json":
            found[path.name] = repr(steady(json.loads(path.read_text())))
        elif path.is_file() and not path.name.startswith("."):
            found[path.name] = path.read_text() if path.suffix == ".txt" else "there"
    for path in folder.iterdir():
        for name, digest in files._listed(path).items() if path.is_file() else ():
            if name not in found or files._digest(folder / name) != digest:
                found[name] = "of another set"
    return found


def steady(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in VOLATILE}


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """One bit is another."""
    changed = bytearray(content)
    changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def misread(content: bytes, rng: np.random.Generator) -> bytes:
    """One digit is another."""
    changed = bytearray(content)
    places = [place for place, sign in enumerate(content) if chr(sign).isdecimal()]
    place = places[rng.integers(len(places))]
    changed[place] = ord("0") + (changed[place] - ord("0") + rng.integers(1, 10)) % 10
    return bytes(changed)


def truncated(content: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return content[: rng.integers(len(content))]


def swapped(content: bytes, rng: np.random.Generator) -> bytes:
    """Two lines have changed places."""
    lines = content.split(b"\n")
    first, second = rng.integers(len(lines), size=2)
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def of_windows(content: bytes, rng: np.random.Generator) -> bytes:
    """Every line ends as on Windows."""
    return content.replace(b"\n", b"\r\n")


def mistyped(content: bytes, rng: np.random.Generator) -> bytes:
    """A number is a text."""
    places = [place for place in range(len(content)) if content[place : place + 2] == b": "]
    if not places:
        return flipped(content, rng)
    place = places[rng.integers(len(places))] + 2
    return content[:place] + b'"1"' + content[place + 1 :]


def renamed(content: bytes, rng: np.random.Generator) -> bytes:
    """A key has another name."""
    places = [place for place in range(len(content)) if content[place : place + 2] == b'":']
    if not places:
        return flipped(content, rng)
    place = places[rng.integers(len(places))]
    return content[:place] + b"x" + content[place:]


def doubled(content: bytes, rng: np.random.Generator) -> bytes:
    """A piece stands twice."""
    first, last = sorted(rng.integers(len(content), size=2))
    return content[:last] + content[first:]


DAMAGES = (flipped, misread, truncated, swapped, of_windows, mistyped, renamed, doubled)


def half(g: float, gamma: float) -> dict[str, Any]:
    return {"Q": g / 2 + gamma, "x": np.array([g, gamma, np.nan])}


def again(folder: Path) -> Any:
    """A sweep with its store."""
    grid = sweep(half, {"g": [0.5, 1.5, 2.5], "gamma": [0.0, 0.5]}, store=folder)
    return {name: values.values.tobytes() for name, values in grid.variables.items()}


def read_store(folder: Path) -> Any:
    """What a store has; points that are gone are none."""
    grid = load(folder)
    if "Q" in grid:
        assert bool(((grid.Q == grid.g / 2 + grid.gamma) | grid.failed).all())


def measured(folder: Path) -> Any:
    """A table of measurements that are kept."""
    table = validate(rows=["identities"], store=folder)
    return table.simulation.tobytes(), table.theory.tobytes(), table.verdict.tolist()


def read_result(folder: Path) -> Any:
    """A result that was saved."""
    data = load(folder / "a.nc")
    return {name: values.values.tobytes() for name, values in data.variables.items()}


def saved(folder: Path) -> None:
    saddle_point(np.linspace(0.5, 1.5, 5), 0.5).save(folder / "a.nc")


def truths(folder: Path) -> None:
    write_kept(folder / "kept.json", {"cell": [[0.125, 0.001], [2.5, 0.25]]})


# How files come to be, and how they are read.
STORED: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]] = {
    "store of a sweep, repeated": (again, again),
    "store of a sweep, loaded": (again, read_store),
    "measurements": (measured, measured),
    "netCDF": (saved, read_result),
    "kept truths": (truths, lambda folder: read_kept(folder / "kept.json")),
}


@main.command()
@click.option("--count", type=click.IntRange(1), default=200, help="All files together.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of places and kinds.")
def corruptions(count: int, seed: int) -> None:
    """Damage stored files: is any of it believed, is any error no clear one?"""
    rng, faults = np.random.default_rng(seed), list[str]()
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in STORED}
    with TemporaryDirectory() as place:
        whole = {name: Path(place, name) for name in STORED}
        true = {}
        for name, (make, read) in STORED.items():
            whole[name].mkdir()
            make(whole[name])
            true[name] = read(whole[name])
        for number in range(count):
            name = list(STORED)[number % len(STORED)]
            damage = DAMAGES[number // len(STORED) % len(DAMAGES)]
            folder = Path(place, "damaged")
            shutil.copytree(whole[name], folder)
            (path,) = (one for one in folder.rglob("*") if one.is_file())
            content = path.read_bytes()
            path.write_bytes(damage(content, rng))
            is_same = path.read_bytes() == content
            outcome, fault = judged(partial(STORED[name][1], folder), true[name])
            outcomes[name]["not damaged" if is_same else outcome] += 1
            faults += [f"{name}, {damage.__name__}: {fault}"] * bool(fault)
            shutil.rmtree(folder)
    for name, counts in outcomes.items():
        click.echo(f"{name}: " + ", ".join(f"{c} {text}" for text, c in sorted(counts.items())))
    report(faults, f"{count} corruptions")


def judged(read: Callable[[], Any], true: Any) -> tuple[str, str]:
    """How a damaged file was read, and what is wrong with that."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = read()
        except ArgumentError as error:
            return "refused", "" if "'" in str(error) else f"an error that names no file: {error}"
        except Exception as error:
            return "crashed", f"{type(error).__name__}: {error}"
    if found != true:
        return "believed", f"wrong numbers: {found}"
    is_told = any(issubclass(one.category, files.FileWarning) for one in told)
    return ("told" if is_told else "without effect"), ""


if __name__ == "__main__":
    main()
