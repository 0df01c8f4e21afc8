"""Text of the captions: numbers with their errors, Markdown tables, paragraphs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

# Below this a number with its error is written with a power of ten.
_SMALL = 1e-3
# A relative error below this is rounding.
_ROUNDING = 1e-12
NONE = "–"


def mean_and_error(values: ArrayLike) -> tuple[float, float]:
    """Mean over couplings and its standard error; nan for one coupling."""
    sample = np.asarray(values, dtype=float).ravel()
    if sample.size < 2:
        return float(sample.mean()), np.nan
    return float(sample.mean()), float(sample.std(ddof=1) / np.sqrt(sample.size))


def ratio_and_error(above: ArrayLike, below: ArrayLike) -> tuple[float, float]:
    """Ratio of two means over the same couplings, and its standard error."""
    top, bottom = (np.asarray(values, dtype=float).ravel() for values in (above, below))
    ratio = top.mean() / bottom.mean()
    # Errors of paired means: the scatter of what is left of one when the other is taken out.
    _, error = mean_and_error(top - ratio * bottom)
    return float(ratio), float(error / abs(bottom.mean()))


def quoted(mean: float, error: float) -> str:
    """A number with its error, to two digits of the error."""
    if not error > _ROUNDING * abs(mean):
        return f"{mean:.3g}"
    size = max(abs(mean), error)
    if size < _SMALL:
        power = int(np.floor(np.log10(size)))
        return f"({quoted(mean / 10.0**power, error / 10.0**power)})·10^{power}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def averaged(values: ArrayLike) -> str:
    """Mean over couplings with its error."""
    return quoted(*mean_and_error(values))


def span(values: ArrayLike, form: str = ".3g") -> str:
    """Smallest and largest value, one number where they read alike."""
    sample = np.asarray(values, dtype=float)
    low, high = (format(float(value), form) for value in (sample.min(), sample.max()))
    return low if low == high else f"{low} to {high}"


def listed(values: Iterable[float]) -> str:
    """Numbers with commas between them."""
    return ", ".join(f"{value:g}" for value in values)


def counted(count: int, noun: str, plural: str = "") -> str:
    """The noun with its number: "1 coupling", "3 couplings"."""
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"


def errors_said(count: int) -> str:
    """What the errors of a caption are."""
    if count == 1:
        return "1 coupling, so that there are no errors."
    return f"Means over {count} couplings with their standard errors."


def deviations_said(count: int, what: str = "Bars") -> str:
    """What the bars or bands of a picture are; of one coupling there are none."""
    return "" if count == 1 else f"{what} of the picture are standard deviations."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, with columns of equal width for the terminal."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(3, *(len(cell) for cell in column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )


def bullets(items: Iterable[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {item}" for item in items)


def paragraphs(*parts: str) -> str:
    """Parts with empty lines between them; empty ones are left out."""
    return "\n\n".join(part for part in parts if part)
