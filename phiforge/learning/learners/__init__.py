"""Every learner: one file each; adding one is a file and two lines here."""

from typing import Annotated

from pydantic import Field

from phiforge.learning.learners.anil import Anil, AnilConfig
from phiforge.learning.learners.bases.learner import EVALUATION, Learner, Mode, Outcome, Phi, Predictor, TaskShape
from phiforge.learning.learners.boil import Boil, BoilConfig
from phiforge.learning.learners.chosen_training import ChosenTraining, ChosenTrainingConfig
from phiforge.learning.learners.from_scratch import FromScratch, FromScratchConfig
from phiforge.learning.learners.layer_rates import LayerRates, LayerRatesConfig
from phiforge.learning.learners.learned_optimizer import LearnedOptimizer, LearnedOptimizerConfig
from phiforge.learning.learners.leo import Leo, LeoConfig
from phiforge.learning.learners.maml import Maml, MamlConfig
from phiforge.learning.learners.maml_plus_plus import MamlPlusPlus, MamlPlusPlusConfig
from phiforge.learning.learners.matching import Matching, MatchingConfig
from phiforge.learning.learners.meta_lstm import MetaLstm, MetaLstmConfig
from phiforge.learning.learners.meta_sgd import MetaSgd, MetaSgdConfig
from phiforge.learning.learners.pixel_nearest_neighbour import PixelNearestNeighbour, PixelNearestNeighbourConfig
from phiforge.learning.learners.pooled import Pooled, PooledConfig
from phiforge.learning.learners.prototypical import Prototypical, PrototypicalConfig
from phiforge.learning.learners.r2d2 import R2d2, R2d2Config
from phiforge.learning.learners.relation import Relation, RelationConfig
from phiforge.learning.learners.siamese import Siamese, SiameseConfig
from phiforge.registry.section import Part

LearnerConfig = Annotated[
    AnilConfig
    | BoilConfig
    | ChosenTrainingConfig
    | FromScratchConfig
    | LayerRatesConfig
    | LearnedOptimizerConfig
    | LeoConfig
    | MamlConfig
    | MamlPlusPlusConfig
    | MatchingConfig
    | MetaLstmConfig
    | MetaSgdConfig
    | PixelNearestNeighbourConfig
    | PooledConfig
    | PrototypicalConfig
    | R2d2Config
    | RelationConfig
    | SiameseConfig,
    Field(discriminator="name"),
]

LEARNERS: dict[str, type[Learner]] = {
    learner.name: learner
    for learner in (
        Anil,
        Boil,
        ChosenTraining,
        FromScratch,
        LayerRates,
        LearnedOptimizer,
        Leo,
        Maml,
        MamlPlusPlus,
        Matching,
        MetaLstm,
        MetaSgd,
        PixelNearestNeighbour,
        Pooled,
        Prototypical,
        R2d2,
        Relation,
        Siamese,
    )
}


def build_learner(config: Part, shape: TaskShape) -> Learner:
    """Return the learner that ``config`` (one of LearnerConfig) describes, for tasks of ``shape``."""
    return LEARNERS[getattr(config, "name")](config, shape)  # noqa: B009


__all__ = [
    "EVALUATION",
    "LEARNERS",
    "Learner",
    "LearnerConfig",
    "Mode",
    "Outcome",
    "Phi",
    "Predictor",
    "TaskShape",
    "build_learner",
]
