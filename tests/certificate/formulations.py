"""Which second formulation stands against which learner: its loss as a function of φ and a task."""

from collections.abc import Callable
from functools import partial

import torch

from phiforge.learning.estimators import Step
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner
from phiforge.registry.section import Section
from phiforge.tasks.episodes import Episode
from tests.certificate.material import JOB, doubled, norm_of, plain
from tests.references import architecture, gradient, latent, metric, optimizers, perturbing, untrained, weighting
from tests.references.tasks import PlainTask

Loss = Callable[[dict, PlainTask], torch.Tensor]


def formulation(config: Section, *, exact: bool, progress: float = 0.0) -> Loss:
    """Return the reference loss of a learner so configured; without ``exact``, inner gradients are constants."""
    norm = norm_of(config)
    return FORMULATIONS[config.name](config, {"norm": norm}, {"norm": norm, "exact": exact}, progress)


def _inner(reference: Loss, *names: str) -> Callable[..., Loss]:
    """Return how a reference with an inner loop takes a configuration: ``inner_lr`` if named, and the rest."""

    def taken(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
        settings = {name: getattr(config, name) for name in names}
        return partial(reference, steps=config.inner_steps, **settings, **looped)

    return taken


def _compared(reference: Loss) -> Callable[..., Loss]:
    return lambda config, norm, looped, progress: partial(reference, **norm)


def _maml_plus_plus(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    until = config.multi_step_until
    share = progress / until if progress < until else None
    return partial(gradient.maml_plus_plus, inner_lr=config.inner_lr, steps=config.inner_steps, share=share, **looped)


def _hyperparameters(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    fixed = (config.inner_lr, config.weight_decay, config.label_smoothing)
    return partial(gradient.hyperparameters, steps=config.inner_steps, fixed=fixed, **looped)


def _learned_optimizer(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    return partial(optimizers.learned_optimizer, scale=config.inner_lr, steps=config.inner_steps, **looped)


def _leo(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    names = ("finetuning_steps", "kl_weight", "encoder_weight")
    settings = {name: getattr(config, name) for name in names}
    return partial(latent.leo, steps=config.latent_steps, **settings, **looped)


def temperatures(config: Section, progress: float) -> list[float]:
    """Return the temperature that logits are divided by after 0, 1, ... inner steps of meta-training."""
    first, last, steps = config.temperature, config.temperature_last, config.inner_steps
    shares = [progress if config.annealed == "over_run" else step / steps for step in range(steps + 1)]
    return [first ** (1 - share) * last**share for share in shares]


def _meta_nas(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    names = ("inner_lr", "architecture_lr", "adapts")
    settings = {name: getattr(config, name) for name in names} | {"steps": config.inner_steps}
    settings |= {"temperatures": temperatures(config, progress)}
    return partial(architecture.t_nas, **settings, **looped)


def _matching(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    steps = config.steps if config.full_context else 0
    return partial(metric.matching, scale=config.scale, context_steps=steps, **norm)


def _pooled(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    return partial(metric.pooled, scale=config.scale if config.cosine else None, **norm)


def _chosen_training(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    def loss(phi: dict, task: PlainTask) -> torch.Tensor:
        generator, init = task.noise()
        steps, rate = untrained.drawn_choice(phi, generator)
        return untrained.trained_loss(
            doubled(init(generator)), task, rate=config.rates[rate], steps=config.steps[steps], **norm
        )

    return loss


def _augmented_prototypical(config: Section, norm: dict, looped: dict, progress: float) -> Loss:
    settings = {name: getattr(config, name) for name in AUGMENTATION}
    return partial(perturbing.augmented_prototypical, **settings, **norm)


AUGMENTATION = ("copies", "operations", "temperature")
FORMULATIONS: dict[str, Callable[..., Loss]] = {
    "anil": _inner(gradient.anil, "inner_lr"),
    "augmented_maml": _inner(perturbing.augmented_maml, "inner_lr", *AUGMENTATION),
    "augmented_prototypical": _augmented_prototypical,
    "boil": _inner(gradient.boil, "inner_lr"),
    "chosen_training": _chosen_training,
    "hyperparameters": _hyperparameters,
    "layer_rates": _inner(gradient.layer_rates),
    "learned_optimizer": _learned_optimizer,
    "learning_to_reweight": _inner(weighting.learning_to_reweight, "inner_lr", "trusted", "through_weights"),
    "leo": _leo,
    "maml": _inner(gradient.maml, "inner_lr", "proximal"),
    "maml_plus_plus": _maml_plus_plus,
    "matching": _matching,
    "meta_dropout": _inner(perturbing.meta_dropout, "inner_lr", "noise"),
    "meta_nas": _meta_nas,
    "meta_lstm": _inner(optimizers.meta_lstm),
    "meta_sgd": _inner(gradient.meta_sgd),
    "meta_weight_net": _inner(weighting.meta_weight_net, "inner_lr"),
    "pooled": _pooled,
    "prototypical": _compared(metric.prototypical),
    "r2d2": _compared(metric.r2d2),
    "relation": lambda config, norm, looped, progress: partial(metric.relation, pools=config.network.pools, **norm),
    "siamese": _compared(metric.siamese),
}


def plain_tasks(learner: Learner, tasks: list[Episode], step: Step) -> list[PlainTask]:
    """Return a job's tasks with the draws that the learner makes from the generator of each, by its name."""
    return [
        plain(task, noise_of(learner, partial(torch_generator, *step.seed("episode", JOB, index))))
        for index, task in enumerate(tasks)
    ]


def noise_of(learner: Learner, generator: Callable[[], torch.Generator]) -> object:
    """Return what a learner draws for a task, drawn a second time."""
    config = learner.config
    if config.name == "leo":
        drawn, ways = generator(), learner.shape.n_way
        sizes = (config.latent, learner.network.feature_count)
        return [torch.randn((ways, size), generator=drawn).double() for size in sizes]
    if config.name == "meta_dropout":
        return _normal_of_step(int(torch.randint(2**62, (), generator=generator())))
    if hasattr(config, "copies"):
        return lambda images: torch.rand(2, images, len(config.operations), generator=generator()).double()
    if not getattr(config, "learn_start", True):
        return doubled(learner.model.init(generator()))
    if config.name == "chosen_training":
        return lambda: (generator(), learner.model.init)
    return None


def _normal_of_step(seed: int) -> Callable[[int], Callable[[torch.Size], torch.Tensor]]:
    """Return what draws the noise of an inner step, layer by layer, of the first draw."""

    def of_step(step: int) -> Callable[[torch.Size], torch.Tensor]:
        generator = torch_generator("noise", seed, step, 0)
        return lambda shape: torch.randn(shape, generator=generator).double()

    return of_step
