"""Parameters of a study: read off signatures and texts, checked, and spelled as in the shell."""

import inspect
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import numpy as np
import scipy

from ..schedule import SampledInput, Schedule, Switching
from . import arguments
from .arguments import ArgumentError

# Parameters that mean the same everywhere; functions of studies document only their own others.
NOTATION = {
    "g": "Gain.",
    "gamma": "Symmetry of the couplings.",
    "onsager": "Factor κ on the Onsager-reaction force.",
    "n": "Neurons.",
    "couplings": "elliptic, or one matrix from a file, a row a neuron, .npy or .npz of "
    "scipy.sparse; it settles n, and g is a factor on it.",
    "phi": "Transfer function.",
    "t_max": "Duration.",
    "t_skip": "Time at the start that is not averaged.",
    "n_shown": "Neurons whose activity is kept.",
    "g_shown": "Gain of the network whose activity is kept.",
    "t_phase": "Duration of each phase.",
    "t_lyapunov": "Duration of the run for the Lyapunov exponent.",
    "save_step": "Time between saved points.",
    "eta": "Confinement.",
    "bias_mean": "Mean b of the quenched biases.",
    "mean_coupling": "J0, N times the mean of a coupling.",
    "bias": "Constant input b of every neuron, part of f, or its mean.",
    "bias_std": "Its standard deviation: b_i is then normal, drawn from the seed.",
    "method": 'Scheme of `simulate.integrate`; "euler" with dt 0.01 is the choice of [HH].',
    "dt": "Step, or first step.",
    "tol": "Error of an adaptive step.",
    "threads": "BLAS threads of each process.  [default: 1]",
    "temperature": "T of white noise.",
    "x0_std": "Standard deviation of x(0).",
    "n_trajectories": "Trajectories of all batches together.",
    "batches": "Independent batches, at least 2: the unit of the errors.",
}
# What a function of a whole grid passes on; no parameters of the study.
PASSED_ON = ("seed", "workers", "executor", "progress", "store")
_MAX_AXIS = 100_000


@dataclass(frozen=True)
class MatrixFile:
    """A square matrix, dense or of `scipy.sparse`, that was read from a file."""

    values: Any
    name: str


# Couplings: the name of an ensemble, or a matrix.
Couplings = str | MatrixFile


@dataclass(frozen=True)
class Option:
    """One parameter of a study: an axis, whose default is a list of its places, or not."""

    name: str
    # In the signature.
    annotation: Any
    default: Any
    text: str
    # Words allowed, where the text names them as {"a", "b"}.
    choices: tuple[str, ...] = ()
    is_axis: bool = False

    @property
    def spelled(self) -> str:
        """How the shell spells it: ``t_max`` is --t-max, ``from_`` is --from."""
        return "--" + self.name.rstrip("_").replace("_", "-")

    @property
    def kind(self) -> Any:
        """The type of a value, of an entry where it is a list: X of ``X | None``."""
        if self.is_list:
            return type(next(iter(self.default or [0.0])))
        if self.annotation == Schedule or Switching in get_args(self.annotation):
            return Switching
        if SampledInput in get_args(self.annotation):
            return SampledInput
        if self.annotation == Couplings:
            return MatrixFile
        return _required(self.annotation)

    @property
    def is_list(self) -> bool:
        """Whether its value is a list: the places on an axis, or a sequence of its own."""
        return self.is_axis or get_origin(_required(self.annotation)) in (list, tuple, Sequence)

    def matrix(self, text: Any) -> Couplings:
        """Couplings by the name of an ensemble, or read from a file."""
        return text if text in (self.default, *self.choices) else read_matrix(text)

    def checked(self, value: Any) -> Any:
        """The value, if it is of the kind of the option."""
        name, kind = self.name, self.kind
        if value is None and NoneType in get_args(self.annotation):
            return None
        if self.is_list:
            values = list(value) if np.iterable(value) and not isinstance(value, str) else []
            if not values:
                raise ArgumentError(f"{name}={value!r}: must be a list like {self.default!r}")
            plain = [v.item() if isinstance(v, np.generic) else v for v in values]
            if len(set(plain)) < len(plain):
                raise ArgumentError(f"{name}={value!r}: a value stands twice")
            entry = Option(name, kind, next(iter(self.default or [0.0])), "", self.choices)
            return [entry.checked(v) for v in plain]
        if kind is MatrixFile:
            try:
                return value if isinstance(value, MatrixFile) else self.matrix(value)
            except ArgumentError as error:
                raise ArgumentError(f"{name}={value!s:.80}: {error}") from error
        if kind is int:
            return arguments.count(name, value, 1)
        if kind is float:
            if isinstance(value, bool) or not isinstance(value, int | float | np.number):
                raise ArgumentError(f"{name}={value!r}: must be a number")
            return float(value)
        if kind in (str, bool) and not isinstance(value, kind):
            raise ArgumentError(f"{name}={value!r}: must be like {self.default!r}")
        if self.choices:
            arguments.one_of(name, value, self.choices)
        return value


def _required(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if len(kinds) == 1 and NoneType in get_args(annotation) else annotation


def options_of(
    function: Callable[..., Any], axes: Mapping[str, Sequence[Any]]
) -> dict[str, Option]:
    """The parameters of a function by name, from its signature and its text."""
    options, texts = {}, _documented(function)
    # What it returns may be a type that is imported for the type check only.
    known = inspect.unwrap(function).__globals__
    for name, parameter in inspect.signature(function).parameters.items():
        if name in PASSED_ON:
            continue
        annotation = parameter.annotation
        if isinstance(annotation, str):
            annotation = eval(annotation, known)
        kind, text = texts.get(name, ("", ""))
        default = list(axes[name]) if name in axes else parameter.default
        choices = tuple(re.findall(r'"([^"]+)"', kind)) if kind.startswith("{") else ()
        text = text or NOTATION.get(name, "")
        options[name] = Option(name, annotation, default, text, choices, name in axes)
    return options


def _documented(function: Callable[..., Any]) -> dict[str, tuple[str, str]]:
    """Type and text of each parameter, from the numpydoc section "Parameters"."""
    texts = {}
    section = re.search(
        r"Parameters\n-{3,}\n(.*?)(?:\n\n\w[\w ]*\n-{3,}|\Z)", inspect.getdoc(function) or "", re.S
    )
    for entry in re.split(r"\n(?=\S)", section[1]) if section else []:
        head, _, body = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        for name in names.split(","):
            texts[name.strip()] = (kind.strip(), " ".join(body.split()))
    return texts


def as_text(value: Any) -> str:
    """A value as the command line reads it."""
    if isinstance(value, Switching):
        pairs = zip(value.values[1:], value.times, strict=True)
        later = [f"{as_text(v)}@{as_text(t)}" for v, t in pairs]
        return ",".join([as_text(value.values[0]), *later])
    if isinstance(value, SampledInput | MatrixFile):
        return value.name
    if isinstance(value, list | tuple | np.ndarray):
        return ",".join(as_text(entry) for entry in value)
    return repr(float(value)).removesuffix(".0") if isinstance(value, float) else str(value)


def read_numbers(text: str) -> list[float]:
    """START:STOP:COUNT, a comma-separated list, or one number."""
    try:
        if ":" in text:
            start, stop, count = text.split(":")
            low, high, size = float(start), float(stop), int(count)
        else:
            values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentError("expected START:STOP:COUNT, a list a,b,c or a number") from None
    if ":" not in text:
        if len(set(values)) < len(values):
            raise ArgumentError("a value stands twice")
        return values
    if not 1 <= size <= _MAX_AXIS:
        raise ArgumentError(f"COUNT must lie in [1, {_MAX_AXIS}]")
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ArgumentError("START and STOP must be finite")
    if high < low or (size > 1 and high == low):
        raise ArgumentError("empty range, START must be below STOP")
    # Rounded so that 0.8 on the axis is 0.8 and can be selected by it; and no −0.
    spaced: list[float] = (np.round(np.linspace(low, high, size), 12) + 0.0).tolist()
    return spaced


def read_integers(text: str) -> list[int]:
    """Like `read_numbers`, of integers only."""
    values = read_numbers(text)
    if any(value % 1 for value in values):
        raise ArgumentError("must be integers")
    return [int(value) for value in values]


def read_schedule(text: str) -> Schedule:
    """VALUE, or VALUE,VALUE@TIME,…: the later values hold from their times on."""
    try:
        first, *later = text.split(",")
        pairs = [part.split("@") for part in later]
        values = [float(first), *(float(number) for number, _ in pairs)]
        times = [float(time) for _, time in pairs]
    except ValueError:
        raise ArgumentError("expected a number, or e.g. 0,1@100,0@200") from None
    return Switching(times, values) if times else values[0]


def read_input(text: str) -> SampledInput:
    """FILE@STEP: samples STEP apart, .npy or text, straight lines between; FILE@STEP:held."""
    path, _, spacing = text.rpartition("@")
    step, colon, held = spacing.partition(":")
    try:
        apart = float(step)
    except ValueError:
        apart = 0.0
    if not (path and 0 < apart < np.inf and held == "held" * bool(colon)):
        raise ArgumentError("expected FILE@STEP or FILE@STEP:held, STEP the time between samples")
    try:
        if path.endswith(".npy"):
            values = np.load(path, allow_pickle=False)
        else:
            content = Path(path).read_text(encoding="utf-8").replace(",", " ")
            values = np.loadtxt(content.splitlines(), ndmin=1)
    except (OSError, ValueError) as error:
        raise ArgumentError(f"cannot be read as numbers: {error}") from error
    return SampledInput(apart * np.arange(len(values)), values, held=bool(held), name=text)


def read_matrix(path: Any) -> MatrixFile:
    """A real square matrix from a file: .npy, or .npz of `scipy.sparse.save_npz`."""
    ending = Path(path).suffix if isinstance(path, str | Path) else ""
    if ending not in (".npy", ".npz"):
        raise ArgumentError("expected the name of an ensemble, or a file .npy or .npz")
    try:
        if ending == ".npz":
            values = scipy.sparse.csr_array(scipy.sparse.load_npz(path))
        else:
            values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ArgumentError(f"cannot be read as a matrix: {error}") from error
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.shape[0]:
        raise ArgumentError(f"shape {values.shape}, must be square, a row a neuron that receives")
    entries = values.data if scipy.sparse.issparse(values) else values
    if entries.dtype.kind not in "biuf" or not np.all(np.isfinite(entries)):
        raise ArgumentError("entries must be real and finite")
    return MatrixFile(values.astype(float), str(path))
