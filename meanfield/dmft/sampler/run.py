"""One forward sweep of M trajectories that share a Gaussian operator: the causal sampler.

⟨·⟩ is the average over the trajectories.  What the operator has already answered carries the whole
history: its first sum is the Gaussian field with the covariance ⟨φφ⟩ of the trajectories
themselves, its second the memory term (by Novikov's theorem).  One pass from
0 to t_max therefore solves the self-consistent equations of time-discretised dynamics, for any γ
and any single-site model, without iteration over the window and without a response matrix.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from scipy.special import ndtri

from ... import exponential, stability
from ...blocks import Blocks
from ...common import arguments, probes, seeds
from ...common.arguments import LARGEST, ArgumentError, Array
from ...gaussian_operator import BlockOperator, GaussianOperator, StoredGaussian, single
from ...gaussian_stack import GaussianStack
from ...schedule import (
    Drive,
    Inputs,
    Schedule,
    Switching,
    as_function,
    before,
    breakpoints,
    takes_phases,
)
from ...stability import Rates
from ...transfer import TransferFunction, transfer_function
from .populations import Populations
from .site import SiteModel, Slopes, checked_model

# Sum of squares of trajectories from which they are told to diverge.
LARGEST_SQUARE = 1e200
# The same where averages are taken in single precision.
_SINGLE_SQUARE = 1e35
# Neglected share from which single precision of the operator is as good.
_SINGLE = 1e-3
# Remembered states per window, times per window at which the rest is dropped, and the share of one
# of them that may go with it: of their root mean square that is about what is neglected.
_STATES, _CUTS, _FORGOTTEN = 80, 12, 2e-2
# Largest mean.
_LARGEST = 1e6
# Places where the steepest slope is looked for, in units of `TransferFunction.unit`.
_PLACES = np.linspace(-8.0, 8.0, 641)
# Time between two looks at the spectrum.
_EVERY = 10.0
# Asymmetry of a product of two vectors from which a flow is not one along a gradient; the operator
# may be in single precision.
_SYMMETRIC = 1e-4
# Relative residual of the stiffness, and Lanczos vectors before a restart.
_WIDTH, _VECTORS = 0.02, 20

_Both = GaussianOperator | BlockOperator | StoredGaussian  # J and Jᵀ
Couplings = _Both | GaussianStack


class SamplerError(RuntimeError):
    """The trajectories grew beyond all bounds."""


class SamplerMoment(NamedTuple):
    """All M trajectories at one time, as (M,) arrays."""

    step: int  # number of steps made
    t: float
    x: Array
    phi: Array
    h: Array
    force: Array
    psi: Array | None  # like u None where the model does not use u
    u: Array | None
    drift: Array


def _normal_quantiles(size: int) -> Array:
    """Increasing states of mean 0 and mean square 1, whose averages are those of a normal state."""
    # Medians of equally likely strata, but for the outermost pair, which takes the missing
    # variance: there φ saturates or the weight is negligible.
    states: Array = ndtri((np.arange(size) + 0.5) / size)
    states[-1] = math.sqrt(size / 2 - float(states[1:-1] @ states[1:-1]) / 2)
    states[0] = -states[-1]
    return states


class Offsets(NamedTuple):
    """What gives averages a sign: quenched biases, mean coupling, mean of the initial states."""

    bias_mean: float = 0.0
    bias_std: float = 0.0
    mean_coupling: float = 0.0
    x0_mean: float = 0.0

    @classmethod
    def checked(
        cls, bias_mean: float, bias_std: float, mean_coupling: float, x0_mean: float
    ) -> Offsets:
        """The offsets of a call, or what is wrong with its arguments."""
        return cls(
            _moderate("bias_mean", bias_mean),
            _moderate("bias_std", arguments.nonnegative("bias_std", bias_std)),
            _moderate("mean_coupling", mean_coupling),
            _moderate("x0_mean", x0_mean),
        )


def _moderate(name: str, value: float) -> float:
    """A number whose products with trajectories in single precision stay finite."""
    return arguments.within(name, value, -_LARGEST, _LARGEST)


_CENTRED = Offsets()


class Network(NamedTuple):
    """What a call is about: one population and its model, or several."""

    g: float
    gamma: float
    phi: TransferFunction
    site: SiteModel
    offsets: Offsets
    several: Populations | None
    # Of the result.
    known: dict[str, Any]

    @classmethod
    def checked(
        cls, attributes: dict[str, Any], g: float | Blocks, gamma: ArrayLike,
        phi: str | TransferFunction, model: SiteModel | None, onsager: Schedule, t_max: float,
        offsets: tuple[float, float, float, float],
    ) -> Network:  # fmt: skip
        """The network of a call, or what is wrong with its arguments; drops what blocks have."""
        if not isinstance(g, Blocks):
            function, gain = transfer_function(phi), arguments.positive("g", g)
            symmetry = arguments.within("gamma", cast(float, gamma), -1, 1)
            known: dict[str, Any] = {"g": gain, "gamma": symmetry}
            checked = Offsets.checked(*offsets)
            site = checked_model(model, function, onsager, t_max)
            return cls(gain, symmetry, function, site, checked, None, known)
        g.take_over(attributes)
        if model is not None:
            raise ArgumentError(f"model={model!r:.80}: belongs to one population, not to Blocks")
        several = Populations.of(g, g.pairs(gamma), onsager, t_max)
        for name in ("mean", "bias_mean", "bias_std"):
            for value in np.ravel(getattr(several, name)):
                _moderate(f"Blocks(…, {name}=…)", float(value))
        one = several.gamma if np.ndim(gamma) else float(several.gamma[0, 0])
        known = {"g": g, "gamma": one, "fractions": several.fractions}
        checked = Offsets.checked(0.0, 0.0, 0.0, offsets[-1])
        return cls(several.gain, 0.0, g.functions[0], several.models[0], checked, several, known)


@dataclass(frozen=True)
class SamplerSetting:
    """What all batches of a run have in common."""

    model: SiteModel
    g: float
    gamma: float
    noise: Callable[[float], float]  # white-noise strength σ²(t)
    x0_std: float  # standard deviation of the normal initial states
    times: Sequence[float]  # 0, switch times, t_max
    grid: Array  # `step_times` of `times`
    innovations: str = "matched"  # of the `GaussianOperator`
    neglect: float = 1e-3  # share of a state below which a new direction is not revealed
    window: float = math.inf  # time after which the past is forgotten
    watched: bool = True  # whether to hold the steps against the spectrum met
    noise_grid: Array | None = None  # finer grid with whose white noise this one goes
    stored: bool = False  # whether the couplings are a stored matrix, of a network of M neurons
    offsets: Offsets = _CENTRED
    # In the place of γ, the offsets but the initial mean, and the model, which is one of theirs; g
    # is then their `gain`.
    several: Populations | None = None
    inputs: Inputs | None = None  # S(t) or S(t, u)

    @property
    def is_centred(self) -> bool:
        """Whether all averages of odd powers vanish by symmetry."""
        if self.inputs is not None:
            return False
        if self.several is not None:
            return self.several.is_centred and not self.offsets.x0_mean
        return self.model.is_odd and not any(self.offsets)

    def populations(self, size: int) -> Populations:
        """All trajectories of a batch, by population."""
        if self.several is not None:
            return self.several.sized(size)
        biases = self.offsets.mean_coupling, self.offsets.bias_mean, self.offsets.bias_std
        return Populations.one(self.model, self.g, self.gamma, size, *biases)

    def __post_init__(self) -> None:
        if arguments.nonnegative("neglect", self.neglect) >= 1:
            raise ArgumentError(f"neglect={self.neglect:g}: must be below 1")
        if self.inputs is not None:
            shape = Drive(self.inputs, self.times[-1], lambda: np.array([0.25, 0.75])).at(0.0).shape
            if shape not in ((), (2,) * takes_phases(self.inputs)):
                raise ArgumentError(
                    f"inputs of shape {shape}: must be a number or, as a function of t and u, have "
                    "the shape of u"
                )
        arguments.one_of("innovations", self.innovations, ("gaussian", "matched"))


class Forgetting:
    """Keeps the rank of an operator bounded where correlations and responses decay."""

    # Vectors to which the operator has been applied within the window W are remembered; from time
    # to time everything outside their span is dropped.  C and R are thereby cut off at a lag
    # between W and (1 + 1/12) W.  Forgetting by age alone, without rotating the bases first, would
    # be wrong: old directions carry most of the present state.  W = inf forgets nothing.

    def __init__(self, operator: Couplings, window: float, neglect: float) -> None:
        self._operator, self._window, self._neglect = operator, window, neglect
        self._past: deque[tuple[float, list[Array]]] = deque()
        self._next_state, self._next_cut = -math.inf, window / _CUTS
        self.largest_rank = 0  # of both sides together

    def remember(self, t: float, *vectors: Array | None) -> tuple[Array, ...] | None:
        """Requests made at time t; answers the rotations of the bases if something was dropped."""
        self.largest_rank = max(self.largest_rank, sum(self._operator.rank))
        if math.isinf(self._window):
            return None
        # A stored matrix forgets nothing.
        assert not isinstance(self._operator, StoredGaussian)
        if t >= self._next_state:
            asked = [v for v in vectors if v is not None]
            if isinstance(self._operator, GaussianStack):
                asked = list(map(self._operator.unit, asked))
            self._past.append((t, asked))
            self._next_state = t + self._window / _STATES * (1 - 1e-9)
        if t < self._next_cut:
            return None
        self._next_cut = t + self._window / _CUTS * (1 - 1e-9)
        while self._past[0][0] < t - self._window:
            self._past.popleft()
        kept = [v for _, states in self._past for v in states]
        if not isinstance(self._operator, GaussianStack):
            kept = [v for v in kept if np.any(v)]
        return self._operator.retain(np.array(kept).T, self._neglect) if kept else None


class Watch:
    """The spectrum met along a run against its steps: at the start, at jumps, and at the end."""

    # In between every 10 time units, and while u is used after 1, 4, 16 … steps.

    def __init__(
        self, operator: Couplings, populations: Populations | None, followed: float = math.inf
    ) -> None:
        # `followed`: longest step that follows the input.
        self._operator, self._populations, self._followed = operator, populations, followed
        self._next, self._regulated, self._steps, self._next_step = -math.inf, False, 0, 1
        self._stiffness = self._rotation = self._excess = math.nan

    def look(self, moment: SamplerMoment, h: float, *, last: bool = False) -> None:
        """Take in the spectrum at a moment before a step h, if it is due."""
        among = self._populations
        if among is None:
            return
        if h > self._followed:
            self._excess = float(np.fmax(self._excess, h / self._followed))
        if among.models[0].slopes is None:
            return
        regulated = moment.u is not None
        if regulated != self._regulated:
            self._regulated, self._next, self._steps, self._next_step = regulated, -math.inf, 0, 1
        self._steps += 1
        doubled = regulated and self._steps >= self._next_step
        if not (last or doubled or moment.t >= self._next):
            return
        self._next, self._next_step = moment.t + _EVERY, 4 * self._steps
        stiffness, rates = spectrum(self._operator, moment, among)
        largest = stability.largest_step(exponential.amplification, rates)
        self._stiffness = float(np.fmax(self._stiffness, stiffness))
        self._rotation = float(np.fmax(self._rotation, np.max(np.abs(rates.imag))))
        self._excess = float(np.fmax(self._excess, h / largest))

    @property
    def found(self) -> dict[str, float]:
        """Largest stiffness and rotation, and step in units of the largest that is followed."""
        return {
            "stiffness": self._stiffness, "rotation": self._rotation, "step_excess": self._excess
        }  # fmt: skip


def step_reason(step: float, worst: dict[str, Any]) -> str:
    """What to say of a step that the spectrum met does not allow; takes numbers from `worst`."""
    excess, rotation = worst.pop("step_excess"), worst.pop("rotation")
    if not excess > 1:
        return ""
    seen = [f"rotations up to {rotation:.3g}"] if rotation > 1e-6 else []
    if worst["stiffness"] > 0:
        seen.insert(0, f"stiffness {worst['stiffness']:.3g}")
    return stability.message(step, step / excess, f" ({', '.join(seen)})" if seen else "")


def chosen_step(
    dt: float | None,
    g: float,
    gamma: float,
    phi: TransferFunction,
    onsager: Schedule,
    model: SiteModel | None,
    t_max: float,
    mean_coupling: float = 0.0,
    several: Populations | None = None,
    inputs: Inputs | None = None,
) -> float:
    """The step given; of a model, of which nothing is known before it runs, the longest one."""
    if dt is not None:
        return arguments.positive("dt", dt)
    longest = math.inf
    if inputs is not None:
        longest = Drive(inputs, t_max, lambda: np.array([0.1, 0.4, 0.8])).suggested_step
    if model:
        return min(longest, stability.LONGEST)
    suited = suggested_step(g, gamma, phi, onsager, t_max, mean_coupling, several)
    return min(longest, suited)


def _steepest(phi: TransferFunction) -> float:
    steep = phi.slope
    if not (phi.is_odd and phi.is_concave):
        steep = max(steep, float(np.max(np.abs(phi.d1(phi.unit * _PLACES)))))
    return steep


def suggested_step(
    g: float,
    gamma: float,
    phi: TransferFunction,
    onsager: Schedule,
    t_max: float,
    mean_coupling: float = 0.0,
    several: Populations | None = None,
) -> float:
    """A step for the rate network, from the widest spectrum that it may meet: where φ is steep."""
    if several is None:
        steep = _steepest(phi)
        rates = stability.ellipse(g, gamma, steep)
        if mean_coupling:
            rates = np.append(rates, mean_coupling * steep - 1)
        reach = 1 + 2 * g * steep + abs(mean_coupling) * steep
    else:
        rates, reach = several.reach([_steepest(each) for each in several.functions])
    function = as_function("onsager", onsager)
    times = breakpoints(t_max, onsager) if isinstance(onsager, Switching) else np.linspace(0, t_max)
    for kappa in {function(before(float(t), t_max)) for t in times}:
        if kappa:
            rates = np.append(rates, -(abs(kappa) * reach**2 + abs(1 - kappa) * reach))
    return stability.suggested_step(exponential.amplification, rates, 2)


class SamplerRun:
    """The `size` trajectories of one batch; batches of different `key` share no random numbers.

    With a `stack` it is so many batches of a single population side by side, each a population that
    the others do not hear.

    A run may follow another of the same key on a grid that is part of the other's: it meets the
    same couplings, where the other has forgotten nothing of them, and the same start and noise.
    """

    def __init__(
        self,
        setting: SamplerSetting,
        size: int,
        seed: int,
        *key: int,
        tick: Callable[[], object] = lambda: None,
        follows: SamplerRun | None = None,
        stack: int = 0,
    ) -> None:
        self.setting, self._seed, self._key, self._tick = setting, seed, key, tick
        self.size, self.stack = size * max(stack, 1), stack
        self.populations = among = setting.populations(size)
        if stack:
            self.populations = among = among.side_by_side(stack)
        self._noise, start = self.stream("noise"), self.stream("start")
        size, standard = self.size, self._normal_once(start)
        self.x0 = setting.offsets.x0_mean + setting.x0_std * standard
        # Directions that stay: those of the mean and of the biases.
        lasting = [] if setting.is_centred else [np.ones(size)]
        self.bias = among.spread(among.bias_mean)
        if np.any(among.bias_std):
            spread = self._quenched(standard)
            self.bias = self.bias + among.spread(among.bias_std) * spread
            lasting.append(spread)
        self._lasting = np.array(lasting).reshape(-1, size).T
        if follows is not None and math.isinf(setting.window):
            self.operator: Couplings = follows.operator
        else:
            is_coarse = setting.neglect >= _SINGLE
            self.operator = self._couplings(single(setting.g) if is_coarse else np.float64)
            if not isinstance(self.operator, StoredGaussian):
                self.operator.anchor(self.x0)
                self.operator.anchor(self._lasting)
        # How the operator's bases were rotated before the present moment was yielded, and further
        # vectors that the operator was applied to, set by whoever did.
        self.rotations: tuple[Array, ...] | None = None
        self.requests: list[Array] = []
        self._drive: Drive | None = None
        if setting.inputs is not None:
            self._drive = Drive(setting.inputs, setting.times[-1], self._uniform)
        self.forgetting = Forgetting(self.operator, setting.window, _FORGOTTEN)
        followed = self._drive.longest_step if self._drive else math.inf
        self.watch = Watch(self.operator, among if setting.watched else None, followed)

    def _couplings(self, dtype: DTypeLike) -> Couplings:
        """The operator, of nothing but its own random numbers."""
        setting, size, among = self.setting, self.size, self.populations
        kinds = np.unique(among.gamma).size
        sequence = seeds.sequence(self._seed, "couplings", *self._key)
        numbers = sequence.generate_state(kinds, np.uint64).tolist()
        how: dict[str, Any] = {
            "innovations": setting.innovations, "tol": setting.neglect, "dtype": dtype
        }  # fmt: skip
        if self.stack:
            shape = self.stack, size // self.stack
            return GaussianStack(*shape, setting.g, setting.gamma, seed=numbers[0], **how)
        if setting.several is None:
            of_one = size, setting.g, setting.gamma
            if setting.stored:
                return StoredGaussian(*of_one, numbers[0], dtype)
            return GaussianOperator(*of_one, seed=numbers[0], **how)
        if setting.stored:
            pairs = np.ix_(*2 * [np.repeat(np.arange(len(among.sizes)), among.sizes)])
            return StoredGaussian(size, 1.0, among.gamma[pairs], numbers[0], dtype, among.g[pairs])
        return BlockOperator(among.sizes, among.g, among.gamma, numbers, **how)

    def _normal_once(self, stream: np.random.Generator) -> Array:
        """Normal numbers; with matched innovations of mean square 1 in each population."""
        if self.setting.innovations != "matched":
            return stream.standard_normal(self.size)
        return np.concatenate(
            [stream.permutation(_normal_quantiles(size)) for size in self.populations.sizes]
        )

    def _uniform(self) -> Array:
        """Numbers u of the input; with matched innovations strata of each population."""
        stream = self.stream("phases")
        if self.setting.innovations != "matched":
            return stream.random(self.size)
        sizes = self.populations.sizes
        return np.concatenate([(stream.permutation(n) + stream.random()) / n for n in sizes])

    def _quenched(self, start: Array) -> Array:
        """Normal numbers; with matched innovations, in each population, orthogonal to `start`."""
        drawn = self._normal_once(self.stream("bias"))
        if self.setting.innovations == "matched":
            for part in self.populations.parts:
                own, other = drawn[part], start[part]
                own = own - (own @ other) / (other @ other) * other
                drawn[part] = own * math.sqrt(own.size / (own @ own))
        return drawn

    def forward(self, vector: Array) -> Array:
        """J v, the mean couplings included."""
        return self.operator.matvec(vector) + self.populations.heard(vector)

    def backward(self, vector: Array) -> Array:
        """Jᵀ v, the mean couplings included."""
        return cast(_Both, self.operator).rmatvec(vector) + self.populations.heard(
            vector, back=True
        )

    def slopes(self, moment: SamplerMoment) -> Slopes:
        """Slopes of all trajectories."""
        return self.populations.slopes(moment.t, moment.x, moment.h, moment.u)

    def stream(self, name: str) -> np.random.Generator:
        """Random numbers of this batch for one purpose."""
        return seeds.generator(self._seed, name, *self._key)

    def evaluate(self, index: int, t: float, x: Array, end: float) -> SamplerMoment:
        """Fields and drift at a time before `end`, where parameters may jump."""
        among, now = self.populations, before(t, end)
        model = among.models[0]

        def asked(name: str, *given: Array | float | None) -> Array:
            if among.is_alike:
                return _asked(model, name, t, x, *given)
            found = []
            for each, part in zip(among.models, among.parts, strict=True):
                own = (one[part] if isinstance(one, np.ndarray) else one for one in given)
                found.append(_asked(each, name, t, x[part], *own))
            return np.concatenate(found)

        phi = asked("phi", x)
        h = self.forward(phi) + self.bias
        psi = u = None
        if model.psi is not None and model.has_u(now):
            psi = asked("psi", x, h)
            u = self.backward(psi)
        drift = asked("drift", now, x, h, u)
        if self._drive is not None:
            # Of the flow alone: f and E are those of the network without it.
            drift = drift + self._drive(now, x.shape)
        return SamplerMoment(index, t, x, phi, h, asked("force", x, h), psi, u, drift)

    def __iter__(self) -> Iterator[SamplerMoment]:
        """All moments of the grid, the first and the last included."""
        grid, x, index = self.setting.grid, self.x0, 0
        for end in self.setting.times[1:]:
            last: Array | None = None
            before = 1.0
            while grid[index] < end:
                t, h = float(grid[index]), float(grid[index + 1] - grid[index])
                moment = self.evaluate(index, t, x, end)
                self.rotations = self.forgetting.remember(t, moment.phi, moment.psi, *self.requests)
                if self.rotations is not None and self._lasting.size:
                    # Only a lazy operator forgets.
                    assert not isinstance(self.operator, StoredGaussian)
                    self.operator.anchor(self._lasting)
                self.watch.look(moment, h)
                self._tick()
                yield moment
                rest = moment.drift + x
                if last is not None:
                    # The change over a step of this length, where the last one had another.
                    last = rest - (rest - last) * (h / before)
                x, last, before = self._step(index, t, h, end, x, rest, last), rest, h
                index += 1
        self.rotations = None
        moment = self.evaluate(index, float(grid[-1]), x, float(grid[-1]))
        self.watch.look(moment, float(grid[-1] - grid[-2]), last=True)
        self._tick()
        yield moment

    def _step(
        self, index: int, t: float, h: float, end: float, x: Array, rest: Array, last: Array | None
    ) -> Array:
        """State at t + h; without a past (`last`) with a stage at the end of the step."""
        decay, flat, ramp = exponential.weights(h)
        # A run that diverges is told of below.
        with np.errstate(over="ignore", invalid="ignore"):
            moved = decay * x + flat * rest
            if last is None:
                change = self.evaluate(index, t + h, moved, end).drift + moved - rest
            else:
                change = rest - last
            moved += ramp * change
            if strength := self.setting.noise(t + h / 2):
                size = math.sqrt(strength * -math.expm1(-2 * h) / 2)
                moved += size * self._normal(t, h)
            square = float(moved @ moved)
        # Squares of states enter every average.
        is_single = single(self.setting.g) is np.float32
        if not square < (_SINGLE_SQUARE if is_single else LARGEST_SQUARE):
            raise SamplerError(
                f"trajectories grow beyond all bounds at t = {t + h:g}: the step {h:g} is too long "
                "or the dynamics unbounded"
            )
        return moved

    def _normal(self, t: float, h: float) -> Array:
        """Normal numbers for the white noise from t to t + h."""
        fine = self.setting.noise_grid
        if fine is None:
            return self._noise.standard_normal(self.size)
        first, last = np.searchsorted(fine, [t, t + h * (1 - 1e-9)])
        ends, parts = fine[first + 1 : last + 1], np.diff(fine[first : last + 1])
        # What the leak leaves at t + h of the noise of each part.
        weights = np.exp(ends - ends[-1]) * np.sqrt(-np.expm1(-2 * parts))
        draws = self._noise.standard_normal((parts.size, self.size))
        mixed: Array = weights @ draws / np.linalg.norm(weights)
        return mixed


def _asked(model: SiteModel, name: str, t: float, x: Array, *given: Any) -> Array:
    """What a function of the model makes of trajectories; told as growth where it overflows."""
    label = f"{name} of model {model.name!r} at t = {t:g}"
    value = probes.answer(label, getattr(model, name), *given)
    is_real = isinstance(value, np.ndarray) and value.dtype.kind in "iuf"
    is_right = is_real and value.shape == x.shape
    if is_right and np.isfinite(value).all():
        return np.asarray(value)
    if not is_right:
        raise ArgumentError(f"{label}: must be a real array of the shape of x, got {value!r:.80}")
    place = int(np.argmin(np.isfinite(value)))
    if np.isnan(value[place]) and abs(x[place]) <= LARGEST:
        raise ArgumentError(f"{label}: is nan at x = {x[place]:g}, must be finite")
    raise SamplerError(f"trajectories grow beyond all bounds: {label} overflows")


def spectrum(operator: Couplings, moment: SamplerMoment, among: Populations) -> tuple[float, Rates]:
    """Largest eigenvalue of the symmetric part of −∂F/∂x, and points along the edge of ∂F/∂x.

    Without u the stiffness, which then tells nothing, is nan.
    """
    n = moment.x.size
    slope = among.slopes(moment.t, moment.x, moment.h, moment.u)
    if moment.u is None and (len(among.sizes) == 1 or isinstance(operator, GaussianStack)):
        steep = math.sqrt(float(np.mean((slope.drift_h * slope.phi_x) ** 2)))
        leak = float(np.mean(slope.drift_x))
        rates = stability.ellipse(float(among.g[0, 0]), float(among.gamma[0, 0]), steep, leak)
        if np.any(among.mean):
            alone = float(among.mean[0, 0]) * float(np.mean(slope.drift_h * slope.phi_x))
            rates = np.append(rates, leak + alone)
        return math.nan, rates
    # On a copy, which reveals directions of its own: the matrix that they meet has the law of the
    # one that the run will meet.
    J = copy.deepcopy(cast(_Both, operator))
    for one in J.operators if isinstance(J, BlockOperator) else [J]:
        if isinstance(one, GaussianOperator):
            # Matched innovations have no room for so many directions.
            one.innovations, one.tol = "gaussian", 0.0

    def ahead(v: Array) -> Array:
        return J.matvec(v) + among.heard(v)

    def back(v: Array) -> Array:
        return J.rmatvec(v) + among.heard(v, back=True)

    def forward(v: Array) -> Array:
        h = ahead(slope.phi_x * v)
        moved = slope.drift_x * v + slope.drift_h * h
        if moment.u is not None:
            moved += slope.drift_u * back(slope.psi_x * v + slope.psi_h * h)
        return moved

    def backward(v: Array) -> Array:
        pulled = ahead(slope.drift_u * v)
        field = slope.drift_h * v + slope.psi_h * pulled
        return slope.drift_x * v + slope.psi_x * pulled + slope.phi_x * back(field)

    def symmetric(v: Array) -> Array:
        v = np.ravel(v)
        return -(forward(v) + backward(v)) / 2

    if moment.u is None:
        return math.nan, stability.edge(forward, n)
    start, other = np.random.default_rng(0).standard_normal((2, n))
    matrix = LinearOperator((n, n), matvec=symmetric, dtype=np.float64)
    try:
        (found,) = eigsh(
            matrix, 1, which="LA", v0=start, tol=_WIDTH, ncv=_VECTORS, return_eigenvectors=False
        )
    except ArpackNoConvergence:
        return math.nan, stability.edge(forward, n)
    rate = float(found)
    moved = forward(start)
    # A gradient flow has real rates, and then the stiffness is the better end of them.
    gap = float(moved @ other) - float(start @ forward(other))
    if abs(gap) <= _SYMMETRIC * float(np.linalg.norm(moved) * np.linalg.norm(other)):
        return rate, np.array([complex(-rate)])
    return rate, stability.edge(forward, n)
