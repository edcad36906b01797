"""learn2learn's MAML on its own Conv-4, by the loop of its examples: tasks of its Taskset, one after the other."""

import learn2learn
import torch
import torch.nn.functional as F
from learn2learn.data.transforms import ConsecutiveLabels, FusedNWaysKShots, LoadData, RemapLabels
from training import Images, Job, Training, train


def build(job: Job, images: Images) -> Training:
    """Return MAML, which adapts a clone to each task and leaves the query loss's gradient in the model."""
    tasks = taskset(job, images)
    model = learn2learn.vision.models.CNN4(
        job.n_way, hidden_size=64, layers=4, channels=1, max_pool=True, embedding_size=64
    )
    maml = learn2learn.algorithms.MAML(model, lr=job.inner_lr, first_order=False)

    def step() -> None:
        for _ in range(job.meta_batch):
            (support_x, query_x), (support_y, query_y) = (halves(part, job) for part in tasks.sample())
            learner = maml.clone()
            for _ in range(job.inner_steps):
                learner.adapt(F.cross_entropy(learner(support_x), support_y))
            F.cross_entropy(learner(query_x), query_y).backward()
        for parameter in maml.parameters():
            parameter.grad.data.mul_(1 / job.meta_batch)

    return Training(model, step)


def taskset(job: Job, images: Images) -> learn2learn.data.Taskset:
    """Return tasks as learn2learn's own Omniglot benchmark makes them; rotations are classes already."""
    dataset = learn2learn.data.MetaDataset(torch.utils.data.TensorDataset(images.x, images.y))
    make = [FusedNWaysKShots(dataset, n=job.n_way, k=job.drawings), LoadData(dataset)]
    return learn2learn.data.Taskset(dataset, task_transforms=[*make, RemapLabels(dataset), ConsecutiveLabels(dataset)])


def halves(part: torch.Tensor, job: Job) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the support and the query set of a task whose examples come class by class."""
    by_class = part.reshape(job.n_way, job.drawings, *part.shape[1:])
    return by_class[:, : job.k_shot].flatten(0, 1), by_class[:, job.k_shot :].flatten(0, 1)


train(build)
