"""learn2learn's MAML on learn2learn's own Conv-4."""

import learn2learn
import torch.nn.functional as F
from work import INNER_LR, Peer, Task, Workload, loaded, serve, size_of_gradient


def build(workload: Workload, variant: str, device: str) -> Peer:
    """Return MAML."""
    model = learn2learn.vision.models.CNN4(
        workload.n_way, hidden_size=64, layers=4, channels=1, max_pool=True, embedding_size=64
    )
    loaded(model, workload).to(device)
    maml = learn2learn.algorithms.MAML(model, lr=INNER_LR, first_order=not workload.second_order)

    def step(task: Task) -> None:
        learner = maml.clone()
        for _ in range(workload.inner_steps):
            learner.adapt(F.cross_entropy(learner(task.support_x), task.support_y))
        F.cross_entropy(learner(task.query_x), task.query_y).backward()

    def gradient(task: Task) -> float:
        step(task)
        return size_of_gradient(model)

    return Peer(step, gradient)


serve(build)
