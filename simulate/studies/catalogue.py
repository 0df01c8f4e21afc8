"""Where the studies are, and `reproduce`: every figure of both papers, computed again."""

from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from meanfield.common import arguments, seeds
from meanfield.common.study import Answer, Study, answer

_HERE = "simulate.studies."
FIGURES = {
    "qh1": _HERE + "qh1_flows:QH1",
    "qh2": _HERE + "qh2_temperature:QH2",
    "qh3": _HERE + "qh3_order_parameters:QH3",
    "qh4": _HERE + "qh4_response:QH4",
    "qh5": _HERE + "qh5_fluctuation_response:QH5",
    "hh1": _HERE + "hh1_freezing:HH1",
    "hh2": _HERE + "hh2_switching:HH2",
    "hh3": _HERE + "hh3_spectra:HH3",
    "hh4": _HERE + "hh4_divergence:HH4",
    "hh5": _HERE + "hh5_activity:HH5",
    "hh6": _HERE + "hh6_topology:HH6",
    "hh7": _HERE + "hh7_excitation:HH7",
    "hh8": _HERE + "hh8_reservoir:HH8",
    "hh9": _HERE + "hh9_memory:HH9",
}
STUDIES = {
    "run": _HERE + "run:RUN",
    "lyapunov": _HERE + "hh2_switching:LYAPUNOV",
    "fixed-points": _HERE + "fixed_points:FIXED_POINTS",
    "sample": _HERE + "qh2_temperature:SAMPLE",
    "memory": _HERE + "hh9_memory:MEMORY",
    "dimension": _HERE + "dimension:DIMENSION",
    "suppression": _HERE + "suppression:SUPPRESSION",
    "spectrum": _HERE + "spectrum:SPECTRUM",
}


def study(name: str) -> Study:
    """The study of a figure, "hh2", or of a command, "lyapunov"; ArgumentError if there is none."""
    places = {**FIGURES, **STUDIES}
    arguments.one_of("study", name, tuple(places))
    named: Study = resolve_name(places[name])
    return named


def reproduce(
    key: str,
    *,
    preset: str | None = None,
    output: str | Path | None = None,
    variants: tuple[str, ...] | None = None,
    seed: seeds.Seed | None = 0,
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
    **changes: Any,
) -> Answer:
    """Compute one figure of the papers again, as printed and converged, and save it.

    Parameters
    ----------
    key : str
        "qh1" … "qh5", "hh1" … "hh9", or the name of another study, "lyapunov".
    preset : {"quick", "paper"}
        Small networks and few couplings (seconds to a minute), or the sizes of the papers.
        Default: "quick", where the study has it.
    output : path, optional
        Folder for KEY.png and KEY.nc, KEY-printed.png and KEY-printed.nc where the printed choices
        matter, and KEY.md, the caption.  Finished points are kept there in ``points``: a run that
        was interrupted goes on from them, and longer axes or more trials extend them.  Default:
        nothing is written.
    variants : tuple of str, optional
        Some of the variants only.
    seed : Seed, optional
        Of couplings, starts, noise and sampling.
    workers, executor
        Who does the work, as in `meanfield.sweep`; results do not depend on it.
    progress : bool
        Progress bars on a terminal.
    **changes
        Parameters of the study other than those of its preset, e.g. ``n=500``.

    Returns
    -------
    Answer
        `data` by variant, `caption`, `files` and `seconds`.

    Raises
    ------
    ArgumentError
        If the study, the preset, a variant or a parameter does not exist.

    Examples
    --------
    >>> from simulate import reproduce
    >>> figure = reproduce("qh3", g=[0.6, 0.9, 1.2], gamma=[0.0, 0.5])
    >>> round(float(figure.data["converged"].Q.sel(branch="static", gamma=0.5, g=1.2)), 3)
    0.543
    """
    asked = study(key)
    if preset is None and "quick" in asked.presets:
        preset = "quick"
    return answer(
        asked, preset=preset, output=output, variants=variants, seed=seeds.entropy(seed),
        workers=workers, executor=executor, progress=progress, **changes,
    )  # fmt: skip
