"""What a network of several populations is made of."""

import pickle
from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError, Blocks, TransferFunction, complexity, stationary, sweep
from meanfield.common.identity import identity

PAIR = Blocks([0.8, 0.2], [[1.0, 2.5], [1.5, 2.0]])


def test_one_number_stands_for_all_blocks() -> None:
    blocks = Blocks([0.5, 0.5], np.ones((2, 2)), mean=-1, bias_mean=0.5, bias_std=[0, 1])
    assert np.array_equal(blocks.mean, -np.ones((2, 2)))
    assert np.array_equal(blocks.bias_mean, [0.5, 0.5])
    assert repr(blocks) == (
        "Blocks([0.5, 0.5], [[1.0, 1.0], [1.0, 1.0]], "
        "mean=-1.0, bias_mean=0.5, bias_std=[0.0, 1.0])"
    )
    named = Blocks([0.5, 0.5], np.ones((2, 2)), phi=["tanh", "relu"])
    assert "phi=['tanh', 'relu']" in repr(named)
    assert len(blocks) == 2


def test_equal_if_all_is_equal() -> None:
    same = Blocks([0.8, 0.2], [[1, 2.5], [1.5, 2]], phi=["tanh", "tanh"])
    assert same == PAIR
    assert hash(same) == hash(PAIR)
    for other in (
        Blocks([0.8, 0.2], [[1, 2.5], [1.5, 2]], phi="erf"),
        Blocks([0.8, 0.2], [[1, 2.5], [1.5, 2]], bias_std=0.1),
        Blocks([0.7, 0.3], [[1, 2.5], [1.5, 2]]),
    ):
        assert other != PAIR
        assert other != 3


def test_travels_and_is_told_by_its_content() -> None:
    steep = TransferFunction(lambda x: np.tanh(2 * x), name="steep")
    sent = pickle.loads(pickle.dumps(Blocks([1.0], [[1.5]], phi=steep)))
    assert sent.functions[0].slope == pytest.approx(2)
    assert pickle.loads(pickle.dumps(PAIR)) == PAIR

    def told(blocks: Blocks) -> str:
        return identity(stationary, {"g": blocks})["argument g"]

    assert told(PAIR) == told(pickle.loads(pickle.dumps(PAIR)))
    assert told(PAIR) != told(Blocks([0.8, 0.2], [[1.0, 2.5], [1.5, 2.1]]))


def _variance(scale: float, blocks: Blocks) -> Any:
    scaled = Blocks(blocks.fractions, scale * np.asarray(blocks.g))
    return {"delta0": ("block", stationary(scaled, n_tau=2).delta0)}


def test_sweeps_take_blocks() -> None:
    found = sweep(_variance, {"scale": [1.0, 1.2]}, blocks=PAIR)
    assert found.delta0.dims == ("scale", "block")
    np.testing.assert_allclose(found.delta0[0], stationary(PAIR).delta0, rtol=1e-12)


def test_sizes_are_the_nearest() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 7, 100):
        fractions = rng.dirichlet(np.ones(4))
        sizes = Blocks(fractions, np.ones((4, 4))).sizes(n)
        assert sizes.sum() == n
        assert np.all(np.abs(sizes - n * fractions) < 1)
    assert Blocks([0.25, 0.75], np.ones((2, 2))).sizes(8).tolist() == [2, 6]
    assert Blocks([0.5, 0.3, 0.2], np.ones((3, 3))).sizes(4).tolist() == [2, 1, 1]


def test_onset() -> None:
    """One block: 1/g.  Two: λ of the null state, from the matrix itself, is 0."""
    assert Blocks([1.0], [[2.0]]).critical_scale() == pytest.approx(0.5, rel=1e-14)
    (a, b), (c, d) = np.asarray(PAIR.fractions) * np.asarray(PAIR.g) ** 2
    largest = (a + d) / 2 + np.sqrt((a - d) ** 2 / 4 + b * c)
    assert PAIR.critical_scale() == pytest.approx(largest**-0.5, rel=1e-14)
    assert Blocks([0.5, 0.5], np.zeros((2, 2))).critical_scale() == np.inf
    with pytest.raises(ArgumentError, match="relu"):
        Blocks([1.0], [[2.0]], phi="relu").critical_scale()


BAD: list[tuple[str, dict[str, Any]]] = [
    ("fractions", {"fractions": [0.5, 0.4]}),
    ("fractions", {"fractions": [1.0, 0.0]}),
    ("fractions", {"fractions": 1.0, "g": 1.0}),
    ("g", {"g": np.ones((2, 3))}),
    ("g", {"g": [[1, -1], [1, 1]]}),
    ("g", {"g": [[1, np.nan], [1, 1]]}),
    ("mean", {"mean": [1, 2]}),
    ("bias_mean", {"bias_mean": np.inf}),
    ("bias_std", {"bias_std": -0.1}),
    ("phi", {"phi": ["tanh"]}),
    ("phi", {"phi": ["tanh", "none"]}),
]


@pytest.mark.parametrize(("name", "bad"), BAD, ids=lambda one: str(one)[:30])
def test_bad_arguments_are_named(name: str, bad: dict[str, Any]) -> None:
    call: dict[str, Any] = {"fractions": [0.5, 0.5], "g": np.ones((2, 2)), **bad}
    with pytest.raises(ArgumentError, match=name):
        Blocks(call.pop("fractions"), call.pop("g"), **call)


def test_who_does_not_take_them_says_so() -> None:
    with pytest.raises(ArgumentError, match=r"^g=Blocks.*are taken by stationary"):
        complexity(PAIR)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"phi='erf'.*Blocks"):
        stationary(PAIR, phi="erf")
