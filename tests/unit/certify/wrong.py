"""Parts that are wrong in one way each."""

import random
from typing import Literal

import torch

from phiforge.learning.estimators.backpropagation import Backpropagation
from phiforge.learning.estimators.first_order import FirstOrder
from phiforge.learning.learners.bases.metric import MetricConfig, MetricLearner, class_means, squared_distances
from phiforge.learning.learners.maml import Maml, MamlConfig
from phiforge.learning.networks.mlp import Mlp, MlpConfig
from phiforge.learning.optimizers.bases.optimizer import Direction, Optimizer
from phiforge.learning.scores.bases.score import Score
from phiforge.registry import PartConfig
from phiforge.search.proposers.random import Random, RandomConfig
from phiforge.search.schedulers.successive_halving import SuccessiveHalving, SuccessiveHalvingConfig
from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass
from phiforge.tasks.datasets.bases.source import DatasetSource
from phiforge.tasks.families.sinusoid import Sinusoid, SinusoidData


class MetricConfigOf(MetricConfig):
    name: Literal["wrong"] = "wrong"


class RightLearner(MetricLearner):
    Config = MetricConfigOf

    def compare(self, phi, support, labels, query):
        return -squared_distances(query, class_means(support, labels, self.shape.n_way))


class WrongGradient(RightLearner):
    """Its support embeddings count as constants, which no one is told of."""

    Config = MetricConfigOf

    def compare(self, phi, support, labels, query):
        return super().compare(phi, support.detach(), labels, query)


class Impure(RightLearner):
    Config = MetricConfigOf

    def adapt(self, phi, support_x, support_y, mode, generator):
        support_x.mul_(0.5)
        return super().adapt(phi, support_x, support_y, mode, generator)


class Drawing(RightLearner):
    """Draws from what no seed names."""

    Config = MetricConfigOf

    def compare(self, phi, support, labels, query):
        return super().compare(phi, support, labels, query) + torch.rand(len(query), self.shape.n_way)


class NotTransductive(RightLearner):
    """Says that it is not, on a network that is."""

    Config = MetricConfigOf
    transductive = False


class NotAnyWays(RightLearner):
    """Its φ has a bias of each class."""

    Config = MetricConfigOf

    def init_phi(self, generator):
        return super().init_phi(generator) | {"bias": torch.zeros(self.shape.n_way)}

    def compare(self, phi, support, labels, query):
        return super().compare(phi, support, labels, query) + phi["bias"]


class Annealed(RightLearner):
    """Changes with progress, which a capture would not see."""

    Config = MetricConfigOf

    def query_outcome(self, phi, episode, mode, generator):
        found = super().query_outcome(phi, episode, mode, generator)
        return self.outcome(
            torch.zeros(len(episode.query_y), self.shape.n_way), episode.query_y, found.loss * (1 + mode.progress)
        )


class SomeOfStartConfig(MamlConfig):
    name: Literal["wrong"] = "wrong"


class SomeOfStart(Maml):
    """Says that its inner loop moves all of φ, and moves the head."""

    Config = SomeOfStartConfig

    def moves(self, name):
        return name.startswith("head")


class NoInnerGradient(Maml):
    Config = SomeOfStartConfig
    inner_gradient = False


class OneStepMore(Maml):
    """Tries another number of inner steps than it was asked for."""

    Config = SomeOfStartConfig

    def adapt_by_steps(self, phi, support_x, support_y, mode, generator, steps):
        path = self.path(phi, support_x, support_y, mode, max(steps) + 1)
        return {count: self._after(count + 1, path, mode) for count in steps}


class PlainConfig(PartConfig):
    name: Literal["wrong"] = "wrong"


class BackpropagationConfig(Backpropagation.Config):
    name: Literal["wrong"] = "wrong"


class NotExact(FirstOrder):
    """Claims the exact gradient of an inner loop, and takes inner gradients as constants."""

    Config = BackpropagationConfig
    exact = True


class Summing(Backpropagation):
    """Adds jobs up instead of averaging over their tasks."""

    Config = BackpropagationConfig

    def combine(self, phi, contributions, step):
        return {name: sum(each.values[name].double() for each in contributions) for name in contributions[0].values}


class Silent(Backpropagation):
    """Refuses without a reason."""

    Config = BackpropagationConfig

    @classmethod
    def refuses(cls, learner, config):
        return Backpropagation.refuses(learner, config) and ""


class WrongMlpConfig(MlpConfig):
    name: Literal["wrong"] = "wrong"


class WrongCount(Mlp):
    Config = WrongMlpConfig
    feature_count = 7


class Averaging(Mlp):
    """Looks at the whole set, and says that it does not."""

    Config = WrongMlpConfig

    def features(self, parameters, x, *at):
        found = super().features(parameters, x, *at)
        return found - found.mean(dim=0)


class Uphill(Optimizer):
    Config = PlainConfig

    def direction(self, gradient, kept, updates):
        return Direction(-gradient, {})


class Undeclared(Optimizer):
    Config = PlainConfig

    def direction(self, gradient, kept, updates):
        return Direction(gradient, {"momentum": gradient})


class Counting(Optimizer):
    """Uses the number of updates, and does not say so."""

    Config = PlainConfig

    def direction(self, gradient, kept, updates):
        return Direction(gradient / updates, {})


class InPlace(Optimizer):
    Config = PlainConfig

    def direction(self, gradient, kept, updates):
        return Direction(gradient.mul_(0.5), {})


class WrongWay(Score):
    """An error that says that higher is better."""

    Config = PlainConfig

    def of(self, outputs, targets):
        if targets.is_floating_point():
            return (outputs - targets).abs().mean()
        return (outputs.argmax(dim=1) != targets).double().mean()


class NotScalar(Score):
    Config = PlainConfig
    regression = False

    def of(self, outputs, targets):
        return (outputs.argmax(dim=1) == targets).double()


class Broken(Score):
    Config = PlainConfig

    def of(self, outputs, targets):
        raise ZeroDivisionError("nothing by nothing")


class WrongData(SinusoidData):
    name: Literal["wrong"] = "wrong"


class Unseeded(Sinusoid):
    Config = WrongData
    drawn = 0

    def sample(self, split, task, episodes, *seed):
        Unseeded.drawn += 1
        return super().sample(split, task, episodes, Unseeded.drawn)


class WrongShape(Sinusoid):
    Config = WrongData

    @classmethod
    def input_shape(cls, config):
        return (2,)


class Overlapping(DatasetSource):
    """Two of its classes share images."""

    Config = PlainConfig

    @classmethod
    def input_shape(cls, config):
        return 1, 8, 8

    def fingerprint(self):
        return {"content": "overlapping"}

    def build(self):
        images = torch.arange(12 * 64, dtype=torch.int64).remainder(251).to(torch.uint8).reshape(12, 1, 8, 8).numpy()
        classes = tuple(SourceClass(str(place), 2 * place - (place == 5), 2) for place in range(6))
        splits = {
            name: (TaskClass(2 * at, 0), TaskClass(2 * at + 1, 0))
            for at, name in enumerate(("train", "validation", "test"))
        }
        return Dataset("wrong", images, classes, splits)


class UnseededConfig(RandomConfig):
    name: Literal["wrong"] = "wrong"


class UnseededSearch(Random):
    Config = UnseededConfig

    def drawn(self, *name):
        return random.random()


class StoppingAllConfig(SuccessiveHalvingConfig):
    name: Literal["wrong"] = "wrong"


class StoppingAll(SuccessiveHalving):
    Config = StoppingAllConfig

    def goes_on(self, costs):
        return []
