"""higher's differentiable optimiser on a plain Conv-4."""

import higher
import torch
import torch.nn.functional as F
from work import INNER_LR, Peer, Task, Workload, network_of, serve, size_of_gradient


def build(workload: Workload, variant: str, device: str) -> Peer:
    """Return MAML."""
    model = network_of(workload).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=INNER_LR)

    def step(task: Task) -> None:
        with higher.innerloop_ctx(
            model, optimizer, copy_initial_weights=False, track_higher_grads=workload.second_order
        ) as (fast, inner):
            for _ in range(workload.inner_steps):
                inner.step(F.cross_entropy(fast(task.support_x), task.support_y))
            F.cross_entropy(fast(task.query_x), task.query_y).backward()

    def gradient(task: Task) -> float:
        step(task)
        return size_of_gradient(model)

    return Peer(step, gradient)


serve(build)
