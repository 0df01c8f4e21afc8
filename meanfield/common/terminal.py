"""Text for terminals and pipes of any encoding."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_NAME = "quasipotential.spelled"
_SIGNS = {
    "−": "-", "–": "-", "⟩": ">", "⟨": "<", "Δ": "Delta", "∂": "d", "√": "sqrt", "Σ": "Sum",
    "→": "->", "↔": "<->", "↦": "->", "∞": "inf", "′": "'", "″": "''", "‴": "'''",
    "·": "*", "×": "x",
    "∇": "grad ", "≥": ">=", "≤": "<=", "≲": "<~", "≫": ">>", "≠": "!=", "≈": "~", "∝": "~",
    "±": "+-", "‖": "||", "∫": "Int ", "∘": "o", "†": "^H", "∗": "*", "∛": "cbrt", "⊗": "(x)",
    "∋": "has", "“": '"', "”": '"', "ℓ": "l", "ℛ": "R", "Π": "Prod", "λ": "lambda", "Λ": "Lambda",
    "█": "#", "𝓛": "L", "≪": "<<",
}  # fmt: skip
_MARKS = {"<super>": "^", "<sub>": "_"}


@contextmanager
def spelled() -> Iterator[None]:
    """What the encoding of the output has no sign for is spelled, γ as gamma."""
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if hasattr(stream, "reconfigure"):
                stack.callback(stream.reconfigure, errors=stream.errors)
                stream.reconfigure(errors=_NAME)
                if codecs.lookup(stream.encoding).name == "ascii":
                    stack.callback(setattr, sys, name, stream)
                    setattr(sys, name, _Ascii(stream))
        yield


class _Ascii:
    """A stream of ASCII that says it were none: click would write UTF-8 there."""

    encoding = "utf-8"

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, before = "", ""
    for sign in error.object[error.start : error.end]:
        # A power of several signs has one mark.
        mark = _MARKS.get(unicodedata.decomposition(sign).split(" ")[0], "")
        text += mark * (mark != before) + _spelling(sign)
        before = mark
    return text, error.end


def _spelling(sign: str) -> str:
    kind, _, letter = unicodedata.name(sign, "").partition(" LETTER ")
    if sign in _SIGNS:
        return _SIGNS[sign]
    if kind.startswith("GREEK"):
        # "GREEK SMALL LETTER RHO", or "GREEK RHO SYMBOL".
        word = letter.split()[0] if letter else kind.split()[1]
        return word.capitalize() if sign.isupper() else word.lower()
    if unicodedata.combining(sign):
        return ""
    parts = unicodedata.normalize("NFKD", sign).replace("⁄", "/").replace("−", "-")
    return parts.encode("ascii", "ignore").decode() or "?"


codecs.register_error(_NAME, _spelled)
