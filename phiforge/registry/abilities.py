"""What a spec may ask of each kind of part before anything is computed: flags on its class, and a few questions.

Nothing here needs torch. The bases in ``phiforge.learning`` and ``phiforge.tasks`` add what a part computes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from phiforge.registry.part import Part


class LearnerPart(Part):
    """What is known of a learner F_φ by its class alone."""

    learns: ClassVar[bool] = True
    """Whether there is a φ to meta-train at all (baselines have none)."""
    inner_gradient: ClassVar[bool] = False
    """Whether F_φ takes gradient steps on parameters that φ decides, so that first and second order differ."""
    whole_start: ClassVar[bool] = False
    """Whether φ is the initial parameters of an inner loop that moves them all, and nothing else."""
    tries_steps: ClassVar[bool] = False
    """Whether the number of its inner steps on unseen tasks, unless a spec gives it, is chosen on validation tasks.

    Such a learner has ``inner_steps`` and ``inner_steps_evaluation`` in its configuration, and ``adapt_by_steps``.
    """
    cuts: ClassVar[bool] = False
    """Whether its inner loop can be cut in pieces, each under a φ of its own.

    Such a learner has ``inner_steps`` in its configuration, and ``adapt_by_pieces``.
    """
    chooses: ClassVar[bool] = False
    """Whether F_φ draws from choices that φ gives probabilities, so that L(φ) has no gradient of its own."""
    regresses: ClassVar[bool] = False
    """Whether it can also learn tasks whose targets are values."""
    supervised: ClassVar[bool] = True
    """Whether it learns from examples whose targets are given."""
    reinforces: ClassVar[bool] = False
    """Whether it learns tasks to act in, from the rewards that its actions bring."""
    averages: ClassVar[bool] = True
    """Whether it keeps, and on unseen tasks can use, the statistics that ``norm: running`` and ``per_step`` average."""
    mapped: ClassVar[bool] = False
    """Whether engine ``vmap`` can compute it: it draws nothing, and no value decides what is computed."""
    capturable: ClassVar[bool] = True
    """Whether a GPU may capture what engine ``vmap`` computes of it: no progress changes it, and no check stops it."""
    any_n_way: ClassVar[bool] = False
    """Whether the same φ serves tasks of any number of ways."""
    searches: ClassVar[bool] = False
    """Whether φ holds the logits of an architecture, which its network mixes operations by."""

    @classmethod
    def without_constants(cls, config: Any) -> Any:  # noqa: ANN401 - its own configuration
        """Return ``config`` with whatever its loss takes as constant switched off, for proofs against differences."""
        return config

    @classmethod
    def by_averages(cls, config: Any) -> Any:  # noqa: ANN401 - its own configuration
        """Return ``config`` with unseen tasks normalised by averages, for proofs that it uses them."""
        return config

    @classmethod
    def trusts(cls, config: Any) -> int:  # noqa: ANN401 - its own configuration
        """Return how many examples of each class of a support set it takes to be labelled right: the first ones."""
        return 0

    @classmethod
    def third_derivatives(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Say whether its gradient in φ needs third derivatives of its network, which engine ``fused`` has not."""
        return False

    @classmethod
    def refuses_values(cls, config: Any) -> str | None:  # noqa: ANN401 - its own configuration
        """Say which field leaves nothing to learn where targets are values, and why; None if none does."""
        return None

    @classmethod
    def refuses_constants(cls, config: Any) -> str | None:  # noqa: ANN401 - its own configuration
        """Say, after "learner 'NAME' ", what makes φ act through inner gradients alone; None if it does not."""
        return None

    @classmethod
    def pull(cls, config: Any) -> float | None:  # noqa: ANN401 - its own configuration
        """Return λ of the pull back to φ in its inner loss; None if its inner loss has none."""
        return None


class EstimatorPart(Part):
    """What is known of an estimator, a way to minimise L(φ), by its class alone."""

    updates: ClassVar[bool] = True
    """Whether it makes updates of φ at all."""
    mapped: ClassVar[bool] = False
    """Whether engine ``vmap`` computes what it contributes."""
    exact: ClassVar[bool] = False
    """Whether, with its defaults, a contribution is the gradient of the summed query loss itself."""
    for_example: ClassVar[Mapping[str, Any] | None] = None
    """A learner that it serves, as a spec names it, where no learner with its defaults will do."""
    no_local_steps: ClassVar[str | None] = None
    """Why a job cannot take several steps by itself with it, if it cannot."""
    no_staleness: ClassVar[str | None] = None
    """Why its contributions cannot be applied to a φ that has moved on, if they cannot."""

    @classmethod
    def indifferent(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Say whether it draws all operations of an architecture alike, so that φ does not say which are best."""
        return False

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Say why this estimator makes no sense for a learner so configured, or None."""
        raise NotImplementedError


class NetworkPart(Part):
    """What is known of a network by its class and its configuration."""

    images: ClassVar[bool] = False
    """Whether it looks at images alone."""
    maps: ClassVar[bool] = False
    """Whether it can return feature maps, which learners that relate maps need."""
    relaxed: ClassVar[bool] = False
    """Whether it mixes operations by logits among its parameters, which learners that search architectures need."""
    weights: ClassVar[bool] = False
    """Whether it has weights from a file: ``weights`` in its configuration names it, ``digest`` is its SHA-256."""
    perturbed: ClassVar[bool] = False
    """Whether a pass may change what its layers put out, as learners that perturb features need."""

    @classmethod
    def smallest_image(cls, config: Any) -> int:  # noqa: ANN401 - its own configuration
        """Return the side of the smallest image that it takes, in pixels."""
        return 1

    @classmethod
    def shrinking(cls, config: Any) -> str:  # noqa: ANN401 - its own configuration
        """Say why images must not be smaller, after "network 'NAME' "."""
        return "takes no smaller image"

    @classmethod
    def averages(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Say whether it keeps averages of what its passes see in φ."""
        return False

    @classmethod
    def fixes_some(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Say whether an inner loop leaves some of its parameters as they are."""
        return False

    @classmethod
    def has_fused_blocks(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Say whether engine ``fused`` has a part in it."""
        return False

    @classmethod
    def for_proofs(cls, config: Any) -> Any:  # noqa: ANN401 - its own configuration
        """Return ``config`` with something small in place of what it would have to be given, such as a file."""
        return config

    @classmethod
    def draws(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Say whether its passes draw in meta-training, by the names of their episodes."""
        return False

    @classmethod
    def refuses_vmap(cls, config: Any) -> str | None:  # noqa: ANN401 - its own configuration
        """Say, after "network 'NAME' so configured ", why engine ``vmap`` cannot compute it; None if it can."""
        return "draws for each of them" if cls.draws(config) else None


class OptimizerPart(Part):
    """What is known of an outer optimiser by its class alone."""

    slots: ClassVar[tuple[str, ...]] = ()
    """What it keeps of each entry of φ between updates, by name."""
    counts_updates: ClassVar[bool] = False
    """Whether it must know how many updates its state has seen."""


class DataPart(Part):
    """What is known of where tasks come from, by its class and its configuration."""

    regression: ClassVar[bool] = False
    """Whether the targets of its tasks are values, not labels."""
    reinforcement: ClassVar[bool] = False
    """Whether its tasks are to be acted in: there are no targets, but rewards."""
    published: ClassVar[bool] = True
    """Whether it is a set of examples that lies in object storage; else its tasks are drawn from a formula."""
    chooses_by: ClassVar[str] = "accuracy"
    """The score of the validation tasks by which the best version is chosen."""

    @classmethod
    def input_shape(cls, config: Any) -> tuple[int, ...]:  # noqa: ANN401 - its own configuration
        """Return the shape of one input: (channels, height, width) of images, (1,) of a regression's x."""
        raise NotImplementedError

    @classmethod
    def example_shape(cls, config: Any) -> tuple[int, ...]:  # noqa: ANN401 - its own configuration
        """Return the shape of one example's x in an episode: of one input, unless tasks are acted in."""
        return cls.input_shape(config)

    @classmethod
    def turns(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Say whether turns of a class by 90, 180 and 270 degrees are classes of their own already."""
        return False

    @classmethod
    def scaled(cls, config: Any, vectors: Any) -> Any:  # noqa: ANN401 - its own configuration; an array
        """Return vectors [n, dimensions] as its tasks have them; of images nothing is scaled here."""
        return vectors


class FamilyPart(DataPart):
    """A family of tasks that are drawn from a formula."""

    published: ClassVar[bool] = False


class DatasetPart(DataPart):
    """A set of examples in classes, of which N-way K-shot tasks are made."""


class ScorePart(Part):
    """What is known of a score, a number that says how well a model did on one task's query set."""

    higher_is_better: ClassVar[bool] = True
    """Which way it is better."""
    regression: ClassVar[bool | None] = None
    """Whether it is of regressions alone (True), of labels alone (False), or of both (None)."""
    reinforcement: ClassVar[bool] = False
    """Whether it is of tasks to act in, and of no others."""


class ProposerPart(Part):
    """What is known of a proposer, a way to choose which trials of a study come next, by its class alone."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Modules that ``pip install 'phiforge[search]'`` brings, and that it imports where it proposes."""
    learns: ClassVar[bool] = True
    """Whether what it proposes depends on the results of earlier generations."""
    ends: ClassVar[bool] = False
    """Whether it runs out of proposals by itself, so that a study with it needs no budget."""
    several: ClassVar[bool] = False
    """Whether it takes several objectives."""
    continues: ClassVar[bool] = False
    """Whether its trials go on from trials of earlier generations, with their φ."""
    one_by_one: ClassVar[bool] = True
    """Whether it can propose one trial while others are under way; else it learns of whole generations."""

    @classmethod
    def refuses(cls, config: Any, space: Any, generation: int) -> Iterator[str]:  # noqa: ANN401 - its own; a Space
        """Yield why this proposer cannot take a space so, in generations of that many trials."""
        yield from ()


class SchedulerPart(Part):
    """What is known of a scheduler, which decides which trials of a study are stopped early, by its class alone."""

    stops: ClassVar[bool] = False
    """Whether it stops trials before they are trained to the end."""
    by_generation: ClassVar[bool] = True
    """Whether it can decide for all trials of a generation at once, so that their order changes nothing."""
    one_by_one: ClassVar[bool] = False
    """Whether it can decide for a trial as soon as that is at a rung, as asynchronous proposals need it."""
    patient: ClassVar[bool] = False
    """Whether a trial that does not go on now may do so later, when others have come to its rung."""
