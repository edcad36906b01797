"""Why an estimator makes no sense for a learner, where several estimators give the same reason."""

from typing import Any

from phiforge.registry import NETWORKS
from phiforge.registry.abilities import LearnerPart


def untrainable(learner: type[LearnerPart]) -> str | None:
    """Refuse what has no φ."""
    return None if learner.learns else f"learner '{learner.name}' has no φ to learn: use estimator 'none'"


def acting(estimator: str, learner: type[LearnerPart]) -> str | None:
    """Refuse what acts, where an estimator needs examples with targets."""
    if learner.supervised:
        return None
    return (
        f"estimator '{estimator}' learns from examples with targets, but learner '{learner.name}' acts and has rewards "
        "alone: use estimator 'backpropagation' or 'evolution'"
    )


def without_gradient(learner: type[LearnerPart]) -> str | None:
    """Refuse what makes choices."""
    if not learner.chooses:
        return None
    return f"learner '{learner.name}' makes choices, which have no gradient: use estimator 'reinforce' or 'evolution'"


def not_all_moved(learner: type[LearnerPart]) -> str | None:
    """Refuse what is not an initialisation, all of which moves."""
    if learner.whole_start:
        return None
    return f"learner '{learner.name}' has entries of φ that its inner loop does not move: use learner 'maml'"


def own_norm(config: Any) -> str | None:  # noqa: ANN401 - a learner's configuration
    """Refuse networks that the inner loop leaves alone in part: the estimator would take it for moved."""
    network = getattr(config, "network", None)
    if network is None or not NETWORKS[network.name].fixes_some(network):
        return None
    return f"norm '{network.norm}' has entries of φ that the inner loop does not move: use estimator 'backpropagation'"


def unsearchable(estimator: str, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's
    """Refuse an estimator that tries one architecture a task, unless φ has one that no task changes."""
    network = config.network
    if learner.searches and config.adapts != "weights":
        return shared_architecture(estimator, learner, config)
    if learner.inner_gradient and not learner.searches:
        return f"learner '{learner.name}' takes inner steps of its own: use learner 'meta_nas' with adapts 'weights'"
    if not NETWORKS[network.name].relaxed:
        return (
            f"estimator '{estimator}' needs a network with an architecture in φ, not '{network.name}': use learner "
            "'prototypical' on network 'relaxed_cell', or learner 'meta_nas' with adapts 'weights'"
        )
    if NETWORKS[network.name].averages(network):
        return (
            f"norm '{network.norm}' would average over networks that were drawn, which is right for none of them: use "
            "norm 'batch'"
        )
    return None


def shared_architecture(estimator: str, learner: type[LearnerPart], config: Any) -> str:  # noqa: ANN401 - the learner's
    """Say that tasks must leave the architecture alone."""
    return (
        f"estimator '{estimator}' needs learner '{learner.name}' with adapts 'weights', not '{config.adapts}': "
        "tasks share one architecture"
    )
