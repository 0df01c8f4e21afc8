"""Several populations: against one, against a matrix, closed forms, `stationary` and networks."""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meanfield import (
    ArgumentError,
    Blocks,
    ExtrapolationWarning,
    GaussianOperator,
    SiteModel,
    load,
    maximal_lyapunov,
    participation_ratio,
    stationary,
    steady_state,
    two_time,
)
from meanfield.dmft.sampler.populations import Populations
from meanfield.dmft.sampler.run import SamplerError, spectrum
from meanfield.gaussian_operator import BlockOperator, StoredGaussian
from simulate import couplings, integrate

SIZES = (7, 5, 8)
GAINS = np.array([[1, 2, 0], [0.5, 0, 3], [1, 1, 1.0]])
SYMMETRIES = np.array([[0.5, -0.3, 0.5], [-0.3, 1, 0], [0.5, 0, -1.0]])
# Both signs of γ, biases and means of both signs; two populations and three Gaussian matrices.
PAIR = Blocks(
    [0.7, 0.3], [[1.0, 2.0], [1.5, 2.0]], mean=[[0.5, -1], [1, -0.5]], bias_mean=[0.2, -0.1],
    bias_std=[0.3, 0.5],
)  # fmt: skip
GAMMA = np.array([[0.6, -0.5], [-0.5, 0.3]])


def dense(product: Any, n: int) -> np.ndarray:
    return np.array([product(unit) for unit in np.eye(n)]).T


# ------------------------------------------------------------------------------- the operator


def test_gains_on_gaussian_matrices() -> None:
    """After any order of requests J = Σ G∘W, and Jᵀ its transpose."""
    n, rng = sum(SIZES), np.random.default_rng(0)
    J = BlockOperator(SIZES, GAINS, SYMMETRIES, [1, 2, 3, 4, 5])
    for k in range(30):
        (J.matvec if k % 3 else J.rmatvec)(rng.standard_normal(n))
    pairs = np.ix_(*2 * [np.repeat(np.arange(3), SIZES)])
    expected = np.zeros((n, n))
    for W in J.operators:
        expected += np.where(SYMMETRIES[pairs] == W.gamma, GAINS[pairs], 0) * (W @ np.eye(n))
    np.testing.assert_allclose(dense(J.matvec, n), expected, atol=1e-12)
    np.testing.assert_allclose(dense(J.rmatvec, n), expected.T, atol=1e-12)
    assert not J.is_exhausted
    assert J.neglected_rms == 0


@pytest.mark.parametrize("lazy", [True, False])
def test_variances_and_symmetries_of_pairs(lazy: bool) -> None:
    """⟨J_ij²⟩ and ⟨J_ij J_ji⟩ of 200 matrices, 5 s.e. in 15 numbers: a false alarm in 10⁵."""
    n, pairs = sum(SIZES), np.ix_(*2 * [np.repeat(np.arange(3), SIZES)])
    found = []
    for seed in range(200):
        if lazy:
            numbers = [5 * seed + k for k in range(5)]
            J = dense(BlockOperator(SIZES, GAINS, SYMMETRIES, numbers).matvec, n)
        else:
            gains = GAINS[pairs]
            J = dense(StoredGaussian(n, 1.0, SYMMETRIES[pairs], seed, np.float64, gains).matvec, n)
        found.append([
            [n * kind[a : a + k, b : b + m][off].mean() for kind in (J * J, J * J.T)]
            for a, k in zip((0, 7, 12), SIZES, strict=True)
            for b, m in zip((0, 7, 12), SIZES, strict=True)
            for off in [~np.eye(k, m, dtype=bool) if a == b else np.ones((k, m), bool)]
        ])  # fmt: skip
    expected = np.stack([GAINS**2, SYMMETRIES * GAINS * GAINS.T], axis=-1).reshape(9, 2)
    error = np.std(found, axis=0, ddof=1) / math.sqrt(200)
    assert np.all(np.abs(np.mean(found, axis=0) - expected) <= 5 * error + 1e-12)


def test_matched_within_the_parts() -> None:
    """Overlaps of all that is known vanish in each part, and norms are those of n → ∞."""
    sizes, rng = [200, 100], np.random.default_rng(0)
    J = GaussianOperator(300, 1.3, 0.4, seed=1, innovations="matched", parts=sizes)
    J.anchor(rng.standard_normal(300))
    for k, part in enumerate((slice(200), slice(200, 300)) * 2):
        v = np.zeros(300)
        v[part] = rng.standard_normal(sizes[k % 2])
        (J @ v, J.T @ v)
    for _ in range(2):
        answers = [*J._right.answers, *J._left.answers]
        for part, size in zip((slice(200), slice(200, 300)), sizes, strict=True):
            known = np.array([row[part] for row in (*answers, *J._anchors)])
            gram = known @ known.T
            # Answers of J and Jᵀ to one request, in the share γ.
            rank = J.rank[0]
            pairs = np.diagonal(gram[:rank, rank:]).copy()
            np.testing.assert_allclose(pairs, 0.4 * 1.69 * size / 300, rtol=1e-12)
            gram[:rank, rank : 2 * rank] -= np.diag(pairs)
            gram[rank : 2 * rank, :rank] -= np.diag(pairs)
            np.testing.assert_allclose(gram - np.diag(np.diagonal(gram)), 0, atol=1e-12)
            norms = np.diagonal(gram)[: len(answers)]
            np.testing.assert_allclose(norms, 1.69 * size / 300, rtol=1e-12)
        # Rotated bases stay matched, and so does what is revealed next.
        J.retain(rng.standard_normal((300, 6)), 0.0)
        v = np.zeros(300)
        v[:200] = rng.standard_normal(200)
        (J @ v,)
    J = GaussianOperator(60, 1.0, seed=1, innovations="matched", parts=[50, 10])
    J @ np.eye(60)[:, :6]
    assert J.is_exhausted
    with pytest.raises(ArgumentError, match=r"parts=\[3, 4\].*n=6"):
        GaussianOperator(6, 1.0, seed=0, parts=[3, 4])


# ------------------------------------------------------------------------------- one population

SMALL: dict[str, Any] = {"n_trajectories": 512, "batches": 2, "seed": 3}
ONE: dict[str, Any] = {"bias_mean": 0.2, "bias_std": 0.4, "mean_coupling": -0.8}
ALONE = Blocks([1.0], [[1.7]], mean=-0.8, bias_mean=0.2, bias_std=0.4)


@pytest.mark.parametrize("onsager", [0.0, 0.7])
@pytest.mark.parametrize("gamma", [0.4, -0.4])
def test_a_single_block_is_one_population(onsager: float, gamma: float) -> None:
    """With the same random numbers, to rounding."""
    how: dict[str, Any] = {
        "t_max": 0.6, "dt": 0.05, "onsager": onsager, "neglect": 5e-4, "response": True,
        "n_pulsed": 20, "x0_mean": 0.3, **SMALL,
    }  # fmt: skip
    one, block = two_time(1.7, gamma, **how, **ONE), two_time(ALONE, gamma, **how)
    for name in ("C", "delta", "mean", "freezing", "energy", "r_int", "R", "C_err", "energy_step"):
        found, expected = getattr(block, name), getattr(one, name)
        assert found.shape == (1, *expected.shape)
        np.testing.assert_allclose(found[0], expected, atol=2e-6, err_msg=name)
    assert block.fractions is not None
    assert one.fractions is None
    np.testing.assert_allclose(block.stiffness, one.stiffness, rtol=1e-4)


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_a_single_block_in_steady_state(temperature: float) -> None:
    """The same numbers with noise; without, other batches, within 6 errors (1e-4 of Student)."""
    how: dict[str, Any] = {
        "temperature": temperature, "t_skip": 1.0, "t_max": 4.0, "window": 1.0, "dt": 0.1,
        "neglect": 5e-4, "method": "sampler", **SMALL,
    }  # fmt: skip
    if not temperature:
        how |= {"n_trajectories": 2048, "batches": 8}
        one, block = steady_state(1.7, 0.4, **how, **ONE), steady_state(ALONE, 0.4, **how)
        for name in ("q", "delta0", "mean", "energy", "r_int_pulse"):
            err = math.hypot(getattr(one, f"{name}_err"), getattr(block, f"{name}_err")[0])
            assert abs(getattr(one, name) - getattr(block, name)[0]) < 6 * err, name
        return
    one, block = steady_state(1.7, 0.4, **how, **ONE), steady_state(ALONE, 0.4, **how)
    for name in ("q", "delta0", "mean", "energy", "r_int_pulse", "drift", "C", "R", "q_err"):
        found, expected = np.asarray(getattr(block, name)), np.asarray(getattr(one, name))
        assert found.shape == (1, *expected.shape)
        np.testing.assert_allclose(found[0], expected, atol=1e-4, err_msg=name)
    assert np.isnan(block.r_int_spectral)


@pytest.mark.parametrize("onsager", [0.0, 0.5])
def test_a_single_block_and_its_exponent(onsager: float) -> None:
    how: dict[str, Any] = {
        "t_skip": 1.0, "t_max": 3.0, "dt": 0.05, "neglect": 5e-4, "onsager": onsager, **SMALL
    }  # fmt: skip
    one = maximal_lyapunov(1.7, 0.4, **how, **ONE)
    block = maximal_lyapunov(ALONE, 0.4, **how)
    assert block.value == pytest.approx(one.value, abs=1e-4)


@pytest.mark.parametrize("onsager", [0.0, 1.0])
def test_equal_blocks_are_one_population(onsager: float) -> None:
    """4 s.e. of 14 degrees of freedom, 16 correlated numbers: a false alarm in 50."""
    how: dict[str, Any] = {
        "t_max": 1.0, "dt": 0.05, "save_every": 10, "onsager": onsager, "n_trajectories": 4000,
    }  # fmt: skip
    one = two_time(1.8, 0.5, seed=1, method="sampler", **how)
    two = two_time(Blocks([0.3, 0.7], 1.8 * np.ones((2, 2))), 0.5, seed=2, **how)
    for name in ("energy", "r_int", "C"):
        width = np.hypot(getattr(one, f"{name}_err"), getattr(two, f"{name}_err"))
        off = np.abs(getattr(two, name) - getattr(one, name))
        if name == "C":
            width, off = width[:, -1], off[:, -1]
        assert np.all(off[..., 1:] < 4 * width[..., 1:]), name


# ------------------------------------------------------------------------------- closed forms


def test_responses_at_rest() -> None:
    """Near x = 0 ∫R_a = 1/(1 − Σ_b n_b γ_ab g_ab g_ba ∫R_b); no sampling noise to speak of."""
    blocks = Blocks([0.6, 0.4], [[0.3, 0.9], [0.6, 0.4]])
    run = two_time(
        blocks, GAMMA, t_max=12.0, dt=0.1, x0_std=1e-4, n_trajectories=1024, batches=2, seed=0,
        n_pulsed=8, save_every=120, finite_m="ignore",
    )  # fmt: skip
    g, loops = np.asarray(blocks.g), np.zeros((2, 2))
    loops = np.array([0.6, 0.4]) * GAMMA * g * g.T
    expected = np.ones(2)
    for _ in range(60):
        expected = 1 / (1 - loops @ expected)
    np.testing.assert_allclose(run.r_int[:, -1], expected, rtol=2e-3)
    assert abs(expected[0] - expected[1]) > 0.05


def test_responses_of_the_regulated_linear_network() -> None:
    """∫R_a is the mean diagonal of [(1 − κJᵀ)(1 − J)]⁻¹ over block a: a matrix of 1000 neurons."""
    blocks = Blocks([0.6, 0.4], [[0.3, 0.6], [0.4, 0.3]], phi="linear")
    run = two_time(
        blocks, GAMMA, t_max=14.0, dt=0.1, onsager=0.6, n_trajectories=512, batches=2, seed=0,
        response=True, n_pulsed=2, save_every=140, finite_m="ignore",
    )  # fmt: skip
    J, one = couplings.blocks(1000, blocks, GAMMA, seed=0), np.eye(1000)
    diagonal = np.diagonal(np.linalg.inv((one - 0.6 * J.T) @ (one - J)))
    expected = [diagonal[:600].mean(), diagonal[600:].mean()]
    np.testing.assert_allclose(run.r_int[:, -1], expected, rtol=0.01)
    assert abs(expected[0] - expected[1]) > 0.05


def test_linear_blocks_with_noise() -> None:
    """Δ₀ = (1 − A)^(−½) T, A_ab = n_b g_ab², as `stationary` has it: 3.5 s.e. of 15 d.o.f.

    Four numbers: a false alarm in 80.
    """
    blocks = Blocks([0.4, 0.6], [[0.5, 0.8], [0.2, 0.6]], phi="linear")
    exact = stationary(blocks, sigma=1.0, n_tau=2)
    run = steady_state(
        blocks, temperature=0.5, t_skip=8.0, t_max=24.0, window=6.0, n_trajectories=6400,
        batches=16, seed=0,
    )  # fmt: skip
    for name, number in (("delta0", exact.delta0), ("energy", exact.kinetic_energy)):
        off = np.abs(np.asarray(getattr(run, name)) - number)
        assert np.all(off < 3.5 * np.asarray(getattr(run, f"{name}_err"))), name
    np.testing.assert_allclose(run.r_int, 1.0, rtol=5e-3)


def test_edge_of_the_spectrum() -> None:
    """Of −1 + J with gains and means by blocks: a tenth off, as dense eigenvalues have it.

    What the default step foresees is no smaller.
    """
    p = Populations.of(PAIR, GAMMA, 0.0, 1.0).sized(600)
    exact = np.linalg.eigvals(couplings.blocks(600, PAIR, GAMMA, seed=0)) - 1
    J = BlockOperator(p.sizes, p.g, p.gamma, [1, 2, 3])
    zero = np.zeros(600)
    moment: Any = type("Still", (), {"t": 0.0, "x": zero, "h": zero, "u": None})
    stiffness, edge = spectrum(J, moment, p)
    assert math.isnan(stiffness)
    foreseen, reach = p.reach([1.0, 1.0])
    for number in (np.max(exact.imag), -np.min(exact.real)):
        part = np.imag if number == np.max(exact.imag) else np.negative
        ends = [float(np.max(part(one).real)) for one in (edge, foreseen)]
        assert ends[0] == pytest.approx(number, rel=0.1)
        assert 0.95 * number < ends[1] < 1.6 * number
    assert reach > np.linalg.norm(couplings.blocks(600, PAIR, GAMMA, seed=0) - np.eye(600), 2)


# ------------------------------------------------------------------------------- networks


@pytest.mark.slow
@pytest.mark.parametrize("onsager", [0.0, 1.0])
def test_against_networks(onsager: float) -> None:
    """x, φ², energy and ⟨φφ(0)⟩ of both blocks at two times in 10 networks of 800 neurons.

    16 correlated numbers at 4.5 standard errors of 9 and 7 degrees of freedom: a false alarm in 40.
    κ = 1: the energy of both blocks falls.
    """
    t_max, dt = (1.2, 0.06) if onsager else (3.0, 0.1)
    theory = two_time(
        PAIR, GAMMA, t_max=t_max, dt=dt, onsager=onsager, save_every=round(t_max / 2 / dt),
        n_trajectories=4800, seed=0,
    )  # fmt: skip
    n, sizes = 800, PAIR.sizes(800)
    rows = []
    for seed in range(10):
        rng = np.random.default_rng(1000 + seed)
        spread = np.repeat(np.asarray(PAIR.bias_std), sizes) * rng.standard_normal(n)
        bias = np.repeat(np.asarray(PAIR.bias_mean), sizes) + spread
        J = couplings.blocks(n, PAIR, GAMMA, seed=seed)
        x0 = rng.standard_normal(n)
        run = integrate(
            J, x0, t_max=t_max, dt=0.02, onsager=onsager, bias=bias, method="rk4",
            save_at=[0.0, t_max / 2, t_max],
        )  # fmt: skip
        x = run.x[1:]
        phi = np.tanh(x)
        forces = -x + phi @ J.T + bias
        kinds = np.stack([x, phi**2, forces**2 / 2, phi * np.tanh(x0)])
        rows.append([kinds[..., : sizes[0]].mean(axis=-1), kinds[..., sizes[0] :].mean(axis=-1)])
    same = np.arange(1, 3)
    parts = [
        (getattr(theory, name), getattr(theory, f"{name}_err")) for name in ("mean", "C", "energy")
    ]
    known = [
        (parts[0][k][:, 1:], parts[1][k][:, same, same], parts[2][k][:, 1:], parts[1][k][:, 1:, 0])
        for k in (0, 1)
    ]
    expected, width = (np.stack(one, axis=1) for one in known)
    found = np.array(rows)
    error = np.hypot(found.std(axis=0, ddof=1) / math.sqrt(10), width)
    assert np.all(np.abs(found.mean(axis=0) - expected) < 4.5 * error)
    assert np.all(error[:, 1:3] < 0.1 * expected[:, 1:3])
    if onsager:
        assert np.all(np.diff(theory.energy) < 0)
        assert theory.energy_balance_error < 0.05


CHAOS = Blocks([0.7, 0.3], [[1.5, 3.0], [2.0, 2.5]])


@pytest.mark.slow
def test_chaos_against_the_exact_theory() -> None:
    """γ = 0: q, Δ₀, ∫R and λ of `stationary`, 3.5 s.e. of 7 degrees of freedom.

    Seven numbers, a false alarm in 15 were they independent.  Errors are 6 to 9 %, themselves known
    to a quarter of that, and stay below 14 %.
    """
    exact = stationary(CHAOS, n_tau=2)
    run = steady_state(
        CHAOS, n_trajectories=8000, batches=8, t_skip=40, t_max=140, window=40, seed=0
    )
    assert run.converged
    for name, number in (("q", exact.q), ("delta0", exact.delta0), ("r_int", exact.r_int)):
        off, err = np.abs(np.asarray(getattr(run, name)) - number), getattr(run, f"{name}_err")
        assert np.all(off < 3.5 * np.asarray(err)), name
        assert np.all(np.asarray(err) < 0.14 * number), name
    rate = maximal_lyapunov(CHAOS, n_trajectories=8000, t_skip=30, t_max=130, seed=1)
    assert abs(rate.value - float(exact.lyapunov)) < 3.5 * rate.value_err < 0.05


def test_rest_against_the_exact_theory() -> None:
    """Excitation and inhibition with biases, γ = 0, which come to rest; 1 % of neglect at most."""
    blocks = Blocks(
        [0.5, 0.5], np.full((2, 2), 0.5), mean=[[2.5, -2.5], [2.5, -0.5]], bias_mean=[0.3, 0.1],
        bias_std=0.2,
    )  # fmt: skip
    exact = stationary(blocks, n_tau=2)
    run = two_time(
        blocks, t_max=25, dt=0.2, x0_std=0.2, n_trajectories=2048, seed=0, save_every=125
    )
    np.testing.assert_allclose(run.mean[:, -1], exact.mean, atol=2e-3)
    np.testing.assert_allclose(run.delta[:, -1, -1] - run.mean[:, -1] ** 2, exact.delta0, rtol=0.01)
    np.testing.assert_allclose(run.C[:, -1, -1], exact.q, rtol=0.01)
    rate = maximal_lyapunov(
        blocks, dt=0.2, t_skip=15, t_max=35, x0_std=0.2, n_trajectories=1024, batches=2, seed=0
    )
    # Of all perturbations, those of the means included.
    largest = max(float(exact.lyapunov), float(exact.mean_growth))
    assert rate.value == pytest.approx(largest, abs=0.02)


# ------------------------------------------------------------------------------- the interface


def test_results_have_an_axis_for_the_blocks(tmp_path: Path) -> None:
    run = two_time(PAIR, 0.3, t_max=1.0, dt=0.1, n_trajectories=1024, batches=2, seed=0)
    data = run.to_dataset()
    assert data.C.dims == ("block", "t", "t_other")
    assert data.energy.dims == ("block", "t")
    assert data.fractions.values.tolist() == [0.7, 0.3]
    assert "Blocks([0.7, 0.3]" in run.attributes["call"]
    assert not {"phi", "bias_mean", "mean_coupling"} & set(run.attributes)
    run.save(tmp_path / "run.nc")
    np.testing.assert_array_equal(load(tmp_path / "run.nc").energy, run.energy)
    assert len(run.plot().lines) == 2
    low, high = run.interval("energy")
    assert low.shape == high.shape == run.energy.shape
    state = steady_state(PAIR, 0.3, t_skip=1, t_max=4, window=1, dt=0.1, **SMALL)
    data = state.to_dataset()
    assert data.q.dims == ("block",)
    assert data.C.dims == ("block", "tau")
    assert "block 1: " in state.reason
    with pytest.raises(ArgumentError, match=r"state=.*one population"):
        participation_ratio(1.5, state=state)


BAD = [
    ({"gamma": [[0.1, 0.2], [0.3, 0.1]]}, r"gamma=\[\[0.1, 0.2\].*symmetric"),
    ({"gamma": [0.1, 0.2]}, r"gamma of shape \(2,\).*\(2, 2\)"),
    ({"gamma": [[0.1, 1.2], [1.2, 0.1]]}, r"gamma=1.2.*\[-1, 1\]"),
    ({"bias_std": 0.5}, r"bias_std=0.5: belongs to the blocks"),
    ({"mean_coupling": 0.5}, r"mean_coupling=0.5: belongs to the blocks, Blocks\(…, mean="),
    ({"phi": "erf"}, "phi='erf': belongs to the blocks"),
    ({"model": SiteModel("m", phi=np.tanh, drift=lambda t, x, h, u: h - x)}, "model=.*Blocks"),
    ({"n_trajectories": 256, "batches": 4}, r"n_trajectories=256.*smallest block"),
    ({"x0_mean": 1e9}, "x0_mean=1e"),
]


@pytest.mark.parametrize("function", [two_time, steady_state, maximal_lyapunov])
@pytest.mark.parametrize(("more", "message"), BAD)
def test_refused(function: Any, more: dict[str, Any], message: str) -> None:
    call = {"gamma": 0.3, "t_max": 400.0, **SMALL, **more}
    with pytest.raises(ArgumentError, match=message):
        function(PAIR if "n_trajectories" not in more else Blocks([0.9, 0.1], GAMMA**2), **call)


def test_what_blocks_have_no_short_way_to() -> None:
    with pytest.raises(ArgumentError, match=r"method='closed': Blocks are sampled"):
        two_time(PAIR, t_max=1.0, method="closed", **SMALL)
    with pytest.raises(ArgumentError, match=r"method='exact': Blocks are sampled"):
        steady_state(PAIR, method="exact", **SMALL)
    with pytest.raises(ArgumentError, match=r"root='smallest'"):
        steady_state(PAIR, root="smallest", **SMALL)
    with pytest.raises(ArgumentError, match=r"Blocks\(…, bias_mean=…\)=1e\+07"):
        two_time(Blocks([1.0], [[1.0]], bias_mean=1e7), t_max=1.0, **SMALL)


def test_states_that_grow_or_fade_are_told() -> None:
    """Beyond their instability trajectories grow, beyond bounds in the end; at rest they fade."""
    few: dict[str, Any] = {"n_trajectories": 512, "batches": 2, "seed": 1, "window": 5}
    linear = Blocks([0.5, 0.5], [[2, 1], [1, 2]], phi="linear")
    with pytest.raises(SamplerError, match="grow beyond all bounds"):
        steady_state(linear, 0.3, t_skip=5, t_max=80, **few)
    with pytest.raises(SamplerError, match="grow beyond all bounds"):
        steady_state(4.0, 0.3, phi="relu", t_skip=5, t_max=60, **few)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        growing = steady_state(linear, 0.3, t_skip=5, t_max=16, **few)
        rest = Blocks([0.5, 0.5], [[0.4, 0.3], [0.3, 0.4]])
        resting = steady_state(rest, 0.3, t_skip=9, t_max=24, **few)
    assert "block 0: q still grows: no stationary state" in growing.reason
    assert "block 0: q still fades" in resting.reason
    assert "falls only" not in resting.reason
