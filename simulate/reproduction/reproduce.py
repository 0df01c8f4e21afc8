"""`reproduce`, the public call: compute, draw, explain and save one figure."""

from __future__ import annotations

import json
import shlex
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import style

from meanfield import parameters, seeds
from meanfield.figures import STYLE
from meanfield.output import staged_directory
from meanfield.parameters import ArgumentError
from meanfield.provenance import provenance

from ..integration import StepSizeWarning
from .catalogue import FIGURES
from .definition import CONVERGED, PRINTED, SCALES, PaperFigure


@dataclass(frozen=True)
class Reproduction:
    """One figure of the papers, computed again.

    Attributes
    ----------
    key : str
        Which, e.g. "hh2".
    data : dict of Dataset
        What is drawn, by variant: "converged", and "printed" where there is one.
    caption : str
        What is seen, and where the variants differ, why.
    files : list of Path
        What was written.
    seconds : float
        Time it took.
    """

    key: str
    data: dict[str, xr.Dataset]
    caption: str
    files: list[Path]
    seconds: float


def reproduce(
    key: str,
    *,
    scale: str = "quick",
    output: str | Path | None = None,
    variants: tuple[str, ...] | None = None,
    seed: int | None = 0,
    workers: int | None = None,
    progress: bool = False,
    **changes: Any,
) -> Reproduction:
    """Compute one figure of the papers again, as printed and converged, and save it.

    Parameters
    ----------
    key : str
        One of ``simulate.reproduction.FIGURES``: "qh1" … "qh5", "hh1" … "hh9".
    scale : {"quick", "paper"}
        Small networks and few couplings (seconds to a minute), or the sizes of the papers.
    output : path, optional
        Directory for KEY.png and KEY.nc, KEY-printed.png and KEY-printed.nc where the printed
        choices matter, and KEY.md, the caption.  Default: nothing is written.
    variants : tuple of str, optional
        Some of the variants only.
    seed : int, optional
        Of couplings, starts, noise and sampling.
    workers : int, optional
        Processes for independent couplings; results do not depend on it.
    progress : bool
        Progress bars on a terminal.
    **changes
        Parameters of the figure other than those of its scale, e.g. ``n=500``.

    Returns
    -------
    Reproduction

    Raises
    ------
    ArgumentError
        If the figure, the scale, a variant or a parameter does not exist.

    Examples
    --------
    >>> from simulate import reproduce
    >>> found = reproduce("qh3", g=[0.6, 0.9, 1.2], gamma=[0.0, 0.5])
    >>> round(float(found.data["converged"].Q_static.sel(gamma=0.5, g=1.2)), 3)
    0.543
    """
    values = figure_parameters(key, scale, changes)
    figure = FIGURES[key]
    if variants is None:
        variants = figure.variants
    for name in variants:
        parameters.one_of("variant", name, figure.variants)
    entropy = seeds.entropy(seed)
    start = time.perf_counter()
    if output is not None:
        with staged_directory(Path(output)):
            pass  # An unwritable place fails before the work.
    data: dict[str, xr.Dataset] = {}
    files: list[Path] = []
    for variant in variants:
        data[variant] = _computed(figure, variant, values, scale, entropy, workers, progress)
        if output is not None:
            # Before the next variant, which may take long and be interrupted.
            if not files:
                _clear(figure, Path(output))
            files += _drawn(figure, data[variant], Path(output))
    caption = figure.caption(data)
    if output is not None:
        files += _explained(figure, data, caption, scale, Path(output))
    return Reproduction(key, data, caption, files, time.perf_counter() - start)


def figure_parameters(key: str, scale: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a figure at a scale, with changes.

    Raises
    ------
    ArgumentError
        If the figure, the scale or a parameter does not exist.
    """
    parameters.one_of("figure", key, tuple(FIGURES))
    parameters.one_of("scale", scale, SCALES)
    values = dict(FIGURES[key].scales[scale])
    for name, value in changes.items():
        if name not in values:
            raise ArgumentError(
                f"{name}={value!r}: {key} has no such parameter, only {', '.join(values)}"
            )
        values[name] = _like(name, value, values[name])
    return values


def _like(name: str, value: Any, usual: Any) -> Any:
    """The value, if it is of the kind of the usual one: a count, a number, a list, a text."""
    if isinstance(usual, bool | str):
        if isinstance(value, type(usual)):
            return value
        raise ArgumentError(f"{name}={value!r}: must be like {usual!r}")
    if isinstance(usual, int):
        return parameters.count(name, value, 1)
    if isinstance(usual, float):
        return parameters.finite(name, value)
    if not isinstance(value, list | tuple) or not value:
        raise ArgumentError(f"{name}={value!r}: must be a list like {list(usual)}")
    found = [_like(name, one, usual[0]) for one in value]
    if len(set(found)) < len(found):
        raise ArgumentError(f"{name}={value!r}: a value stands twice")
    return found


def _computed(
    figure: PaperFigure,
    variant: str,
    values: dict[str, Any],
    scale: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    with warnings.catch_warnings():
        if variant == PRINTED:
            # The printed step is used on purpose; the picture and its caption say what it does.
            warnings.simplefilter("ignore", StepSizeWarning)
        found = figure.compute(
            **values, variant=variant, seed=seed, workers=workers, progress=progress
        )
    facts = {
        "figure": figure.key,
        "source": figure.source,
        "variant": variant,
        "scale": scale,
        "seed": str(seed),
        "parameters": json.dumps(values, default=lambda v: np.asarray(v).tolist()),
        **provenance(),
    }
    return found.assign_attrs(facts)


def _stem(figure: PaperFigure, variant: str) -> str:
    return figure.key if variant == CONVERGED else f"{figure.key}-{variant}"


def _clear(figure: PaperFigure, output: Path) -> None:
    """Remove what an earlier run of the figure left: it may have had other parameters."""
    for variant in figure.variants:
        for ending in (".nc", ".png"):
            (output / f"{_stem(figure, variant)}{ending}").unlink(missing_ok=True)
    (output / f"{figure.key}.md").unlink(missing_ok=True)


def _drawn(figure: PaperFigure, values: xr.Dataset, output: Path) -> list[Path]:
    stem = _stem(figure, values.attrs["variant"])
    with staged_directory(output) as folder:
        values.to_netcdf(folder / f"{stem}.nc", engine="scipy")
    with staged_directory(output) as folder, style.context(STYLE):
        figure.draw(values).savefig(folder / f"{stem}.png")
    return [output / f"{stem}.nc", output / f"{stem}.png"]


def _explained(
    figure: PaperFigure, data: dict[str, xr.Dataset], caption: str, scale: str, output: Path
) -> list[Path]:
    text = [f"# {figure.source}: {figure.title}", ""]
    for variant in data:
        text += [f"![{figure.source}, {variant}]({_stem(figure, variant)}.png)", ""]
        text += [f"*{variant}*", ""]
    text += [caption, "", "```", _command(figure, data, scale), "```", ""]
    with staged_directory(output) as folder:
        (folder / f"{figure.key}.md").write_text("\n".join(text), encoding="utf-8")
    return [output / f"{figure.key}.md"]


def _command(figure: PaperFigure, data: dict[str, xr.Dataset], scale: str) -> str:
    facts = next(iter(data.values())).attrs
    parts = [f"python -m simulate reproduce {figure.key} --scale {scale} --seed {facts['seed']}"]
    if len(data) < len(figure.variants):
        parts += [f"--variant {variant}" for variant in data]
    for name, value in json.loads(facts["parameters"]).items():
        usual = json.loads(json.dumps(figure.scales[scale][name], default=list))
        if value != usual:
            parts.append("--set " + shlex.quote(f"{name}={json.dumps(value)}"))
    return " ".join(parts)
