"""Samples of exp(−βE) against quadrature, closed forms and the replica theory."""

import math
import pickle
import warnings
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError, load, saddle_point
from meanfield.common import seeds
from simulate import (
    BoltzmannSamples,
    SamplingWarning,
    couplings,
    energy_gradient,
    force,
    integrate,
    kinetic_energy,
    sample_boltzmann,
    stiffness,
)
from simulate.boltzmann import (
    _STEP,
    _ChainGenerators,
    _ladder,
    _langevin_samples,
    _observe,
    _overlap_mean,
    _swap,
    _tempered_samples,
    chain_mean,
)
from simulate.network import Network

# Every comparison here is at 4.5 standard errors: two-sided false alarm 7e-6 each, about 30 of
# them, if the errors are right; effective sample sizes of thousands keep them so.
LEVEL = 4.5


def exact(J: Any, beta: float, eta: float) -> dict[str, float]:
    """q, E/n and r of two neurons by the rectangle rule on a wide fine grid."""
    axis = np.linspace(-12, 12, 1201)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij")).reshape(2, -1)
    energy = kinetic_energy(x, J, eta=eta)
    weight = np.exp(-beta * (energy - energy.min()))
    weight /= weight.sum()
    phi, f = np.tanh(x), force(x, J)
    return {
        "q": float(weight @ np.mean(phi**2, axis=0)),
        "energy": float(weight @ energy / 2),
        "r": float(-beta * weight @ np.mean(f * phi, axis=0)),
    }


def agree(run: BoltzmannSamples, expected: dict[str, float]) -> None:
    assert np.all(run.converged)
    for name, value in expected.items():
        error = float(getattr(run, f"{name}_err"))
        assert abs(float(getattr(run, name)) - value) < LEVEL * error


@pytest.mark.slow
def test_two_neurons() -> None:
    """Two wells at ±x* and a saddle between them: the chains must cross it."""
    J = np.array([[0.0, 2.2], [1.4, 0.0]])
    run = sample_boltzmann(J, 6.0, eta=0.3, n_samples=3000, chains=4, seed=1)
    agree(run, exact(J, 6.0, 0.3))
    # Both wells are visited alike.
    assert abs(np.mean(run.samples[..., 0] > 0) - 0.5) < 0.1


def test_linear_network() -> None:
    """x is Gaussian with covariance T (AᵀA + η)⁻¹; E/n = T/2 whatever J."""
    n, beta, eta = 8, 2.5, 0.2
    J = couplings.elliptic(n, 0.7, -0.3, seed=2)
    A = J - np.eye(n)
    covariance = np.linalg.inv(A.T @ A + eta * np.eye(n)) / beta
    # Many chains: the overlap is a mean over pairs of them.
    run = sample_boltzmann(J, beta, eta=eta, phi="linear", n_samples=1500, chains=12, seed=3)
    agree(run, {"q": np.trace(covariance) / n, "energy": 1 / (2 * beta)})
    x = run.samples.reshape(-1, n)
    spread = np.sqrt(
        (covariance**2 + np.outer(covariance.diagonal(), covariance.diagonal())) / run.ess
    )
    assert np.max(np.abs(x.T @ x / len(x) - covariance) / spread) < LEVEL
    # Replicas do not see each other: the mean square overlap is Σ C²/n².
    assert float(run.overlap) == pytest.approx(np.sqrt(np.sum(covariance**2)) / n, rel=0.05)


def test_several_temperatures_in_one_run() -> None:
    J, betas = np.array([[0.0, 2.2], [1.4, 0.0]]), np.array([1.0, 6.0])
    run = sample_boltzmann(J, betas, n_samples=2000, chains=4, seed=4)
    assert run.samples.shape == (2, 4, 2000, 2)
    for k, beta in enumerate(betas):
        for name, value in exact(J, beta, 0.0).items():
            assert abs(getattr(run, name)[k] - value) < LEVEL * getattr(run, f"{name}_err")[k]
    assert set(betas) <= set(run.ladder)
    assert np.all(np.abs(run.acceptance - 0.8) < 0.15)
    data = run.to_dataset()
    assert data.samples.dims == ("beta", "chain", "draw", "neuron")
    assert data.attrs["seed"] == 4
    assert data.converged.values.all()
    assert run.q_step_bias is None
    np.testing.assert_array_equal(run.plot().get_lines()[0].get_ydata(), run.q)


@pytest.mark.slow
def test_langevin_measures_the_bias_of_its_step(tmp_path: Path) -> None:
    """At half the stability limit the bias is below a per cent, and the estimate agrees."""
    J, beta = np.array([[0.0, 2.2], [1.4, 0.0]]), 2.0
    expected = exact(J, beta, 0.0)
    run = sample_boltzmann(
        J, beta, n_samples=4000, chains=16, seed=5, algorithm="langevin", dt=0.115, warmup=50
    )
    for name, value in expected.items():
        bias = float(getattr(run, f"{name}_step_bias"))
        error = float(getattr(run, f"{name}_step_bias_err"))
        difference = float(getattr(run, name)) - value
        assert abs(difference - bias) < LEVEL * np.hypot(error, float(getattr(run, f"{name}_err")))
        assert abs(bias) < 0.01 * value + LEVEL * error
    small = sample_boltzmann(
        J, beta, n_samples=2000, chains=8, seed=6, algorithm="langevin", dt=0.02, warmup=50
    )
    agree(small, expected)
    assert small.ladder is None
    # One temperature, too, has its axis in a file.
    small.save(tmp_path / "samples.nc")
    data = load(tmp_path / "samples.nc")
    assert data.beta.values.tolist() == [beta]
    assert data.samples.dims == ("beta", "chain", "draw", "neuron")
    for name in ("q", "q_err", "r_hat", "r_step_bias", "r_step_bias_err", "converged", "reason"):
        assert data[name].dims == ("beta",)
    assert data.attrs["dt"] == 0.02


def test_langevin_samples_are_states_of_two_runs() -> None:
    """Of each temperature, at the longest step that divides half the spacing, and at twice it."""
    J = couplings.elliptic(6, 1.2, seed=1)
    network, betas = Network(J), np.array([0.5, 2.0])
    samples, bias, reasons, dt = _langevin_samples(
        network, betas, n_samples=6, chains=2, warmup=3, spacing=1.0, dt=0.07, entropy=5,
        progress=False,
    )  # fmt: skip
    assert reasons == ["", ""]
    assert dt == 0.07
    for index, beta in enumerate(betas):
        means = []
        for factor in (1, 2):
            starts, noise = seeds.sequence(5, "sampling", index, factor).spawn(2)
            x0 = [np.random.default_rng(s).standard_normal(6) for s in starts.spawn(2)]
            run = integrate(
                J, np.array(x0).T, t_max=9.0, dt=factor / 16, onsager=1.0, temperature=1 / beta,
                method="leimkuhler-matthews", save_at=[4, 5, 6, 7, 8, 9],
                seed=int(noise.generate_state(1, np.uint64)[0]),
            )  # fmt: skip
            states = np.moveaxis(run.x, 2, 0)
            if factor == 1:
                np.testing.assert_allclose(samples[index], states, rtol=1e-9, atol=1e-12)
            means.append(chain_mean(_observe(network, beta, states)["q"]))
        change = (means[1].value - means[0].value) / 3
        assert bias["q_step_bias"][index] == pytest.approx(change, rel=1e-6)
        width = math.hypot(means[0].value_err, means[1].value_err) / 3
        assert bias["q_step_bias_err"][index] == pytest.approx(width, rel=1e-6)


def test_the_step_chosen_suits_the_stiffness_of_the_starts() -> None:
    J = couplings.elliptic(6, 2.0, seed=1)
    _, _, _, dt = _langevin_samples(
        Network(J), np.array([1.0, 2.0]), n_samples=4, chains=3, warmup=1, spacing=0.5, dt=None,
        entropy=5, progress=False,
    )  # fmt: skip
    starts, _ = seeds.sequence(5, "sampling", 0, 1).spawn(2)
    x0 = [np.random.default_rng(s).standard_normal(6) for s in starts.spawn(3)]
    assert dt == pytest.approx(_STEP / float(np.max(stiffness(np.array(x0).T, J, onsager=1.0))))


def test_swaps_keep_the_balance() -> None:
    """Pairs of one parity exchange with probability min(1, exp(Δβ ΔE)), states with all of them."""
    rungs = np.array([0.5, 1.0, 2.0, 3.5])
    draws = np.array([[0.3], [0.7]])

    class Drawn:
        def swap_uniform(self, pairs: int) -> Any:
            return draws[:pairs]

    def swapped(energy: list[float], parity: int) -> tuple[Any, ...]:
        x = np.arange(8.0).reshape(2, 4, 1)
        drift, E = -x, np.array(energy)[:, None]
        share, lower = _swap(rungs, x, drift, E, parity, Drawn())  # type: ignore[arg-type]
        np.testing.assert_array_equal(drift, -x)
        return share.tolist(), lower.tolist(), x[0, :, 0].tolist(), E[:, 0].tolist()

    # exp(0.5 · −2) = 0.37 > 0.3, exp(1.5 · −0.2) = 0.74 > 0.7.
    assert swapped([4.0, 2.0, 1.2, 1.0], 0) == (
        [1.0, 1.0], [0, 2], [1, 0, 3, 2], [2.0, 4.0, 1.0, 1.2]
    )  # fmt: skip
    # exp(0.5 · −2.5) = 0.29, exp(1.5 · −0.3) = 0.64.
    assert swapped([4.5, 2.0, 1.3, 1.0], 0)[:3] == ([0.0, 0.0], [0, 2], [0, 1, 2, 3])
    # Colder states of more energy always go up; odd pairs leave both ends.
    assert swapped([1.0, 0.5, 3.0, 1.0], 1)[:3] == ([1.0], [1], [0, 2, 1, 3])


def test_each_temperature_is_judged_by_itself() -> None:
    J = couplings.elliptic(20, 2.0, seed=8)
    with pytest.warns(SamplingWarning, match="not mixed at beta=10000: "):
        run = sample_boltzmann(J, [0.5, 1e4], n_samples=400, chains=2, warmup=5, seed=9)
    assert run.converged.tolist() == [True, False]
    assert run.reason[0] == ""
    assert run.reason[1].startswith("not mixed at beta=10000: R-hat up to")
    assert "(needed 200)" in run.reason[1]
    assert run.ess[1] < 200 < run.ess[0]
    assert run.warnings == (run.reason[1],)
    copy = pickle.loads(pickle.dumps(run))
    assert copy.to_dataset().drop_attrs().equals(run.to_dataset().drop_attrs())


def test_seed() -> None:
    J = couplings.elliptic(10, 1.0, seed=7)
    arguments: dict[str, Any] = {"n_samples": 50, "chains": 2, "warmup": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SamplingWarning)
        one, same = (sample_boltzmann(J, 3.0, seed=1, **arguments) for _ in range(2))
        other = sample_boltzmann(J, 3.0, seed=2, **arguments)
    np.testing.assert_array_equal(one.samples, same.samples)
    assert not np.allclose(one.samples, other.samples)


@pytest.mark.parametrize("lowest", [0.2, 3.0])
def test_rungs_are_near_enough_and_not_nearer(lowest: float) -> None:
    """ln β rises by 2/√n at most, and by more than half of it where one step is not enough."""
    betas, n = np.array([5.0, 1.0, 5.05]), 400
    ladder = _ladder(betas, n, lowest)
    assert ladder[0] == min(lowest, 1.0)
    assert set(betas) <= set(ladder)
    assert ladder[-1] == 5.05
    rises = np.diff(np.log(ladder))
    assert np.all(rises > 0)
    assert np.max(rises) <= 2 / math.sqrt(n) * (1 + 1e-9)
    assert np.all(rises[:-1] > 1 / math.sqrt(n))


def test_every_chain_rung_and_swap_has_its_own_stream() -> None:
    streams = _ChainGenerators(5, chains=2, rungs=3)
    alone = [*streams.swap_uniform(1).ravel(), *streams.uniform().ravel()]
    assert len(set(alone)) == 2 + 2 * 3


def test_chains_that_have_not_mixed_are_flagged() -> None:
    J = couplings.elliptic(40, 2.0, seed=8)
    with pytest.warns(SamplingWarning, match="not mixed at beta=10000"):
        run = sample_boltzmann(J, 1e4, n_samples=40, chains=2, warmup=10, seed=9, lowest_beta=1e4)
    assert not run.converged


def test_error_of_the_overlap() -> None:
    """Spread over 12 seeds against the stated error, where replicas order: χ² of 11, 1e-3."""
    J = couplings.elliptic(20, 2.0, -0.5, seed=2)
    runs = []
    for seed in range(12):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SamplingWarning)
            runs.append(sample_boltzmann(J, 5.0, n_samples=300, seed=seed, leapfrog=10))
    spread = np.var([float(run.overlap) for run in runs], ddof=1)
    assert spread / np.mean([float(run.overlap_err) ** 2 for run in runs]) < 31.3 / 11


def test_error_of_the_overlap_between_chains() -> None:
    """Mean square overlaps a_k + a_l of pairs: their mean, 2⟨a⟩, has the error 2 s_a/√4."""
    a = np.array([0.1, 0.2, 0.4, 0.8])
    pairs = np.array([first + second for first, second in combinations(a, 2)])
    # Nearly constant in time: only chains differ.
    wobble = 1 + 1e-5 * (-1.0) ** np.arange(400)
    mean = _overlap_mean(np.sqrt(pairs)[:, None] * wobble, len(a))
    root = math.sqrt(2 * np.mean(a))
    assert mean.value == pytest.approx(root, rel=1e-8)
    assert mean.value_err == pytest.approx(np.std(a, ddof=1) / (2 * root), rel=1e-8)


def test_a_frozen_chain_is_flagged() -> None:
    """One hot rung, no warm-up: nothing is accepted, and nothing is known."""
    J = couplings.elliptic(100, 10.0, seed=1)
    with pytest.warns(SamplingWarning, match="not mixed at beta=0.4"):
        run = sample_boltzmann(J, 0.4, chains=1, n_samples=300, warmup=0, seed=1)
    assert run.status == "flagged"
    assert "raise n_samples, warmup or thin and take chains >= 2" in run.reason
    assert np.isnan(run.q_err)


@pytest.mark.slow
def test_paramagnetic_branch() -> None:
    """γ = 0: q, βe and r at n = 100 over 6 couplings; 4.5 standard errors and 2/n of size."""
    beta = np.array([1.0, 5.0])
    theory = saddle_point(0.9, beta=beta, branch="paramagnetic")
    rows = []
    for seed in range(6):
        J = couplings.elliptic(100, 0.9, seed=seed)
        run = sample_boltzmann(J, beta, n_samples=1100, seed=seed, leapfrog=10)
        rows.append([run.q, run.energy, run.r])
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(6)
    for row, name in enumerate(("q", "energy", "r")):
        expected = getattr(theory, name)
        assert np.all(np.abs(mean[row] - expected) < LEVEL * error[row] + 2 / 100 * expected)


def large_networks(
    g: float, gamma: float, beta: Any, couples: dict[int, int]
) -> tuple[Any, Any, Any]:
    """q, βe and r (3, k), linear in N^−½ extrapolated to N = ∞; errors; and means at the last N.

    The unit of replication is a coupling matrix, `couples[N]` of them.
    """
    means, errors = [], []
    for n, count in couples.items():
        rows = []
        for seed in range(count):
            with warnings.catch_warnings():
                # At the largest β the effective sample size of one matrix may stay below 100.
                warnings.simplefilter("ignore", SamplingWarning)
                run = sample_boltzmann(
                    couplings.elliptic(n, g, gamma, seed=seed), beta, n_samples=250, seed=seed,
                    chains=3, lowest_beta=1.0, store_samples=False,
                )  # fmt: skip
            assert np.all(run.r_hat < 1.15)
            rows.append([run.q, beta * run.energy, run.r])
        means.append(np.mean(rows, axis=0))
        errors.append(np.std(rows, axis=0, ddof=1) / np.sqrt(count))
    design = np.stack([np.ones(len(couples)), np.array(list(couples)) ** -0.5], axis=1)
    limit, spread = np.empty_like(means[0]), np.empty_like(means[0])
    for place in np.ndindex(limit.shape):
        weight = 1 / np.array([error[place] for error in errors])
        covariance = np.linalg.inv((design * weight[:, None] ** 2).T @ design)
        limit[place] = (covariance @ design.T @ (weight**2 * [m[place] for m in means]))[0]
        spread[place] = np.sqrt(covariance[0, 0])
    return limit, spread, means[-1]


@pytest.mark.slow
def test_paramagnetic_branch_extrapolated() -> None:
    """γ = 0.5, g = 0.9, β = 3 … 32: 9 comparisons at 3.5 standard errors, false alarm 0.4 %.

    At finite N q lies below the theory, at β = 32 by 2 % for N = 192.
    """
    beta = np.array([3.0, 10.0, 32.0])
    theory = saddle_point(0.9, 0.5, beta=beta, branch="paramagnetic")
    limit, error, largest = large_networks(0.9, 0.5, beta, {48: 16, 96: 10, 192: 6})
    expected = np.array([theory.q, beta * theory.energy, theory.r])
    assert np.all(np.abs(limit - expected) < 3.5 * error)
    assert np.all(error < 0.05 * expected)
    assert np.all(np.abs(largest / expected - 1) < 0.08)


@pytest.mark.slow
def test_ordered_branch_extrapolated() -> None:
    """γ = −0.5, g = 2.2, β = 10: 3 comparisons at 3.5 standard errors, false alarm 0.14 %.

    The paramagnetic branch, q = 0.418 and βe = 0.5215, is excluded.
    """
    theory = saddle_point(2.2, -0.5, beta=10.0, branch="ordered")
    limit, error, largest = large_networks(2.2, -0.5, np.array([10.0]), {60: 32, 120: 20, 240: 8})
    expected = np.array([[theory.q], [10 * theory.energy], [theory.r]])
    assert np.all(np.abs(limit - expected) < 3.5 * error)
    assert np.all(error < 0.05 * expected)
    assert abs(limit[0, 0] - 0.418) > 3.5 * error[0, 0]
    assert largest[0, 0] < 0.37


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": 0.0}, "beta=0"),
        ({"beta": [2.0, 1.0]}, "increasing"),
        ({"beta": np.inf}, "must be finite"),
        ({"algorithm": "gibbs"}, "algorithm='gibbs'"),
        ({"n_samples": 3}, "n_samples=3"),
        ({"chains": 0}, "chains=0"),
        ({"thin": 0}, "thin=0"),
        ({"eta": -1.0}, "eta=-1"),
        ({"algorithm": "langevin", "dt": 0.0}, "dt=0"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample_boltzmann(np.eye(2), **{"beta": 1.0, "seed": 0, **arguments})


def test_matrix_free_couplings_are_refused() -> None:
    with pytest.raises(ValueError, match="sampling, which asks for ever new products"):
        sample_boltzmann(couplings.lazy(10, 1.0, seed=0), 1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 10**12), ("chains", 10**12), ("warmup", 10**12), ("thin", 10**12),
        ("leapfrog", 10**12),
    ],
)  # fmt: skip
def test_what_takes_days_or_does_not_fit_is_refused(name: str, value: int) -> None:
    with pytest.raises(ArgumentError, match=f"^{name}={value}: (needs|would run)"):
        sample_boltzmann(np.eye(3), 1.0, **{name: value})
    with pytest.raises(ArgumentError, match=r"would run for .* take a longer dt"):
        sample_boltzmann(np.eye(3), 1.0, algorithm="langevin", dt=1e-20)


def test_tempering_written_out() -> None:
    """Every trajectory and swap of 3 rungs and 2 chains, one after the other, by plain sums."""
    J, n = couplings.elliptic(3, 1.5, seed=1), 3
    rungs, eta = np.array([0.5, 1.0, 4.0]), 0.2
    warmup, thin, count, leapfrog, chains = 3, 2, 4, 3, 2
    samples, accepted, swapped = _tempered_samples(
        Network(J, eta=eta), rungs, np.array([0, 2]), n_samples=count, chains=chains,
        warmup=warmup, thin=thin, leapfrog=leapfrog, entropy=11, progress=False,
    )  # fmt: skip

    def own(chain: int, which: int) -> Any:
        return seeds.generator(11, "sampling", chain, which)

    streams = {(r, c): own(c, 1 + r) for r in range(3) for c in range(chains)}
    swaps = [own(c, 0) for c in range(chains)]
    x = {place: stream.standard_normal(n) for place, stream in streams.items()}
    length = np.full(3, 0.5)
    kept, taken = [], np.zeros(3)
    tried, done = np.zeros(2), np.zeros(2)
    for sweep in range(warmup + count * thin):
        chance = np.zeros((3, chains))
        for (r, c), stream in streams.items():
            beta = rungs[r]
            h = length[r] / np.sqrt(beta) * (0.8 + 0.4 * stream.random())
            p, y = stream.standard_normal(n), x[r, c]
            before = beta * kinetic_energy(y, J, eta=eta) + p @ p / 2
            for _ in range(leapfrog):
                p = p - h / 2 * beta * energy_gradient(y, J, eta=eta)
                y = y + h * p
                p = p - h / 2 * beta * energy_gradient(y, J, eta=eta)
            after = beta * kinetic_energy(y, J, eta=eta) + p @ p / 2
            chance[r, c] = min(1.0, np.exp(before - after))
            if stream.random() < chance[r, c]:
                x[r, c] = y
                taken[r] += sweep >= warmup
        if sweep < warmup:
            length *= np.exp((sweep + 10) ** -0.6 * (chance.mean(axis=1) - 0.8))
        low = sweep % 2
        for c, stream in enumerate(swaps):
            E = [kinetic_energy(x[r, c], J, eta=eta) for r in range(3)]
            gain = (rungs[low + 1] - rungs[low]) * (E[low + 1] - E[low])
            if stream.random() < np.exp(gain):
                x[low, c], x[low + 1, c] = x[low + 1, c], x[low, c]
                done[low] += sweep >= warmup
        tried[low] += chains * (sweep >= warmup)
        if sweep >= warmup and (sweep - warmup) % thin == thin - 1:
            kept.append([[x[r, c] for c in range(chains)] for r in (0, 2)])
    np.testing.assert_allclose(samples, np.moveaxis(kept, 0, 2), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(accepted, taken / (count * thin * chains))
    np.testing.assert_allclose(swapped, done / tried)
    assert 0 < done.sum() < tried.sum()


def test_what_is_observed() -> None:
    """Σφ²/n, E/n and −βΣfφ/n of every draw, Σφφ'/n of every pair of chains."""
    J, beta = couplings.elliptic(4, 1.5, seed=1), 3.0
    x = np.random.default_rng(0).standard_normal((3, 5, 4))
    found = _observe(Network(J, eta=0.2), beta, x)
    for chain, draw in np.ndindex(3, 5):
        state = x[chain, draw]
        phi = np.tanh(state)
        assert found["q"][chain, draw] == pytest.approx(np.mean(phi**2))
        energy = kinetic_energy(state, J, eta=0.2) / 4
        assert found["energy"][chain, draw] == pytest.approx(energy)
        response = -beta * np.mean(force(state, J) * phi)
        assert found["r"][chain, draw] == pytest.approx(response)
    assert found["overlap"].shape == (3, 5)
    for row, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
        exact = np.mean(np.tanh(x[a]) * np.tanh(x[b]), axis=1)
        np.testing.assert_allclose(found["overlap"][row], exact)


def test_overlaps_of_few_chains() -> None:
    assert np.isnan(_overlap_mean(np.empty((0, 9)), 1)).all()
    series = np.random.default_rng(0).standard_normal((1, 200))
    two = _overlap_mean(series, 2)
    square = chain_mean(series**2)
    assert two.value == pytest.approx(math.sqrt(np.mean(series**2)))
    assert two.value_err == pytest.approx(square.value_err / (2 * two.value))
    assert two.ess == square.ess
    none = _overlap_mean(np.zeros((1, 8)), 2)
    assert none.value == 0
    assert math.isnan(none.value_err)


def test_short_and_frozen_series_have_no_error() -> None:
    series = np.random.default_rng(0).standard_normal((2, 4))
    assert chain_mean(series).value_err > 0
    for bad in (series[:, :3], np.ones((2, 9))):
        found = chain_mean(bad)
        assert found.value == pytest.approx(np.mean(bad))
        assert np.isnan(found[1:]).all()


def test_a_step_of_langevin_dynamics_has_a_companion_at_twice_it() -> None:
    """One neuron without couplings, λ_max = 1: steps below 1."""
    arguments: dict[str, Any] = {"n_samples": 4, "chains": 1, "warmup": 0, "spacing": 2.0}
    arguments |= {"entropy": 1, "progress": False}
    one = Network(np.zeros((1, 1)))
    _langevin_samples(one, np.array([1.0]), dt=0.99, **arguments)
    with pytest.raises(ArgumentError, match=r"^dt=1: must be below 1, for the companion"):
        _langevin_samples(one, np.array([1.0]), dt=1.0, **arguments)


def test_the_warm_up_by_default() -> None:
    for n_samples, warmup in ((4, 200), (410, 205)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SamplingWarning)
            run = sample_boltzmann(
                np.zeros((1, 1)), 1.0, n_samples=n_samples, leapfrog=1, chains=1, seed=0,
                lowest_beta=1.0,
            )  # fmt: skip
        assert run.attributes["warmup"] == warmup
        assert run.ladder.tolist() == [1.0]
        assert run.swap_acceptance is None
        assert run.samples.shape == (1, n_samples, 1)
        assert np.isnan(run.overlap)


@pytest.mark.parametrize(
    "algorithm", ["tempering", pytest.param("langevin", marks=pytest.mark.slow)]
)
def test_a_linear_network_with_a_bias(algorithm: str) -> None:
    """Gaussian: mean x* = (1 − J)⁻¹b, covariance (AᵀA)⁻¹/β, A = J − 1."""
    n, beta = 8, 2.0
    J = couplings.elliptic(n, 0.4, 0.5, seed=3)
    b = np.random.default_rng(4).standard_normal(n)
    A = J - np.eye(n)
    mean, covariance = np.linalg.solve(-A, b), np.linalg.inv(A.T @ A) / beta
    run = sample_boltzmann(
        J, beta, bias=b, phi="linear", algorithm=algorithm, n_samples=800, seed=5
    )
    agree(run, {
        "q": float(np.mean(mean**2 + covariance.diagonal())), "energy": 1 / (2 * beta),
        "r": float(-np.trace(covariance @ A) * beta / n),
    })  # fmt: skip
    assert run.samples is not None
    for k in range(n):
        first = chain_mean(run.samples[..., k])
        assert abs(first.value - mean[k]) < LEVEL * first.value_err
        second = chain_mean((run.samples[..., k] - mean[k]) ** 2)
        assert abs(second.value - covariance[k, k]) < LEVEL * second.value_err


def test_two_neurons_with_a_corner_and_a_bias() -> None:
    """Hamiltonian Monte Carlo is exact across kinks: against quadrature."""
    J, beta, b = np.array([[0.3, -1.2], [0.8, 0.1]]), 1.5, np.array([0.6, -0.4])
    axis = np.linspace(-9, 9, 1801)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij")).reshape(2, -1)
    energy = kinetic_energy(x, J, bias=b, phi="relu")
    weight = np.exp(-beta * energy)
    weight /= weight.sum()
    phi, f = np.maximum(x, 0), force(x, J, bias=b, phi="relu")
    run = sample_boltzmann(J, beta, bias=b, phi="relu", n_samples=800, seed=1)
    agree(run, {
        "q": float(weight @ np.mean(phi**2, axis=0)),
        "energy": float(weight @ energy / 2),
        "r": float(-beta * weight @ np.mean(f * phi, axis=0)),
    })  # fmt: skip
