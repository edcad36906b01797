"""Evolution strategies: φ whole again from seeds and scores, and scores that count by their ranks."""

import pytest
import torch
from safetensors.torch import load

from phiforge.base.errors import SpecError
from phiforge.learning.estimators.bases.ranks import centred_ranks
from phiforge.learning.learners.bases.pieces import ends_of, phi_of_steps
from phiforge.learning.meta_training import meta_train
from phiforge.learning.rebuilding import rebuilt
from phiforge.registry import ESTIMATORS
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from phiforge.spec.schema import recorded
from phiforge.tasks.drawing import Tasks

PAIRS, JOBS, VERSIONS = 3, 2, 4
RAW = {
    "data": {"name": "sinusoid"},
    "task": {"n_way": 1, "k_shot": 5, "n_query": 5},
    "learner": {"name": "maml", "inner_lr": 0.01, "inner_steps": 3, "network": {"name": "mlp"}},
    "outer": {"versions": VERSIONS, "meta_batch": 2 * JOBS, "job_size": 2, "lr": 0.01},
}
ESTIMATING = {
    "plain": {"name": "evolution", "pairs": PAIRS},
    "by ranks": {"name": "evolution", "pairs": PAIRS, "shaping": "centred_ranks"},
    "in pieces": {"name": "persistent_evolution", "pairs": PAIRS, "truncation": 2},
}


def trained(estimator, **changes):
    spec = RunSpec.model_validate(RAW | {"estimator": estimator} | changes)
    return spec, list(meta_train(spec, Tasks(spec).training))


@pytest.mark.parametrize("estimator", ESTIMATING.values(), ids=ESTIMATING)
def test_phi_is_whole_again_from_seeds_and_scores(estimator):
    # Given a run of a network with some 1,800 parameters, whose contributions are kept, I expect each of them to hold
    # a score for each pair and piece, and no tensor of φ's size,
    spec, versions = trained(estimator)
    size = sum(value.numel() for value in versions[0].phi.values())
    for payload in (each for version in versions for each in version.contributions):
        held = sum(value.numel() for value in load(payload).values())
        assert PAIRS < held < 20 < size / 50
    # and φ of every version to be the same to the bit if it is made of φ₀ and those scores alone.
    again = list(rebuilt(spec, versions[0].phi, [each.contributions for each in versions[1:]]))
    assert [each.phi_hash for each in again] == [each.phi_hash for each in versions[1:]]
    assert [each.scores for each in again] == [each.scores for each in versions[1:]]
    assert len({each.phi_hash for each in versions}) == VERSIONS + 1
    # If the scores of two jobs of the first version are taken for each other's, I expect another φ from there on.
    tampered = versions[1].contributions[::-1]
    changed = list(rebuilt(spec, versions[0].phi, [tampered, *(each.contributions for each in versions[2:])]))
    assert all(one.phi_hash != other.phi_hash for one, other in zip(changed, again, strict=True))


def test_ranks():
    # Given scores, I expect places from -1/2 to 1/2 in their shape; equal ones share theirs.
    assert centred_ranks(torch.tensor([[3.0, 1.0], [9.0, 4.0]])).tolist() == [
        pytest.approx([-1 / 6, -1 / 2]),
        pytest.approx([1 / 2, 1 / 6]),
    ]
    assert centred_ranks(torch.tensor([2.0, 2.0, 5.0])).tolist() == [-0.25, -0.25, 0.5]
    assert centred_ranks(torch.full((4,), 7.0)).tolist() == [0.0] * 4


def test_ranks_do_not_feel_the_size_of_losses():
    # Given losses and what a monotone function makes of them, outliers among them, I expect the same ranks.
    values = torch.randn(40, generator=torch.Generator().manual_seed(0))
    assert torch.equal(centred_ranks(values), centred_ranks((5 * values).exp()))


def test_shaping_weighs_jobs_by_their_tasks():
    # Given a run by ranks, I expect of each job differences of ranks times its two tasks: at most 2 in size.
    _, versions = trained(ESTIMATING["by ranks"])
    pairs = [load(payload)["values/pairs"] for version in versions for payload in version.contributions]
    assert max(float(each.abs().max()) for each in pairs) <= 2.0
    assert any(bool(each.any()) for each in pairs)


def test_old_specs_keep_their_record():
    # Given a spec without shaping, I expect it to be recorded as it always was; with shaping, it to be said.
    plain = ESTIMATORS["evolution"].Config(name="evolution")
    assert recorded(plain) == {"name": "evolution", "sigma": 0.05, "pairs": 8}
    assert recorded(plain.model_copy(update={"shaping": "centred_ranks"}))["shaping"] == "centred_ranks"


def test_pieces():
    # Given loops, I expect pieces of equal length but for the last, and each step under the φ of its piece.
    assert [ends_of(3, 7), ends_of(7, 7), ends_of(10, 7), ends_of(1, 3)] == [[3, 6, 7], [7], [7], [1, 2, 3]]
    phis = [{"piece": torch.tensor(each)} for each in range(3)]
    assert [int(each["piece"]) for each in phi_of_steps(phis, 3, 7)] == [0, 0, 0, 1, 1, 1, 2]
    with pytest.raises(ValueError, match="2 φ for 3 pieces of 3 of 7 inner steps"):
        phi_of_steps(phis[:2], 3, 7)


def test_what_cannot_be_cut_is_refused():
    # Given a learner without an inner loop, I expect a reason and what to use.
    with pytest.raises(SpecError, match=r"'prototypical' has no inner loop that can be cut: use estimator 'evolution'"):
        parse_spec({"learner": {"name": "prototypical"}, "estimator": {"name": "persistent_evolution"}})
