"""Every kind of part, and where its parts are found."""

from collections.abc import Mapping

from phiforge.registry.abilities import (
    DataPart,
    DatasetPart,
    EstimatorPart,
    FamilyPart,
    LearnerPart,
    NetworkPart,
    OptimizerPart,
    ProposerPart,
    SchedulerPart,
    ScorePart,
)
from phiforge.registry.catalogue import Catalogue, Catalogues
from phiforge.registry.part import Part

LEARNERS = Catalogue("learner", "phiforge.learners", "phiforge.learning.learners", LearnerPart)
ESTIMATORS = Catalogue("estimator", "phiforge.estimators", "phiforge.learning.estimators", EstimatorPart)
NETWORKS = Catalogue("network", "phiforge.networks", "phiforge.learning.networks", NetworkPart)
OPTIMIZERS = Catalogue("optimizer", "phiforge.optimizers", "phiforge.learning.optimizers", OptimizerPart)
SCORES = Catalogue("score", "phiforge.scores", "phiforge.learning.scores", ScorePart)
FAMILIES: Catalogue[DataPart] = Catalogue("family", "phiforge.families", "phiforge.tasks.families", FamilyPart)
DATASETS: Catalogue[DataPart] = Catalogue("dataset", "phiforge.datasets", "phiforge.tasks.datasets", DatasetPart)
PROPOSERS = Catalogue("proposer", "phiforge.proposers", "phiforge.search.proposers", ProposerPart)
SCHEDULERS = Catalogue("scheduler", "phiforge.schedulers", "phiforge.search.schedulers", SchedulerPart)
DATA = Catalogues("data", DATASETS, FAMILIES)

KINDS: Mapping[str, Mapping[str, type[Part]]] = {
    each.kind: each
    for each in (
        LEARNERS,
        ESTIMATORS,
        NETWORKS,
        OPTIMIZERS,
        SCORES,
        FAMILIES,
        DATASETS,
        PROPOSERS,
        SCHEDULERS,
    )
}
"""Every kind by its name."""
