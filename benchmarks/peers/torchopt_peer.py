"""TorchOpt's MetaSGD on a plain Conv-4."""

import torch.nn.functional as F
import torchopt
from work import INNER_LR, Peer, Task, Workload, network_of, serve, size_of_gradient


def build(workload: Workload, variant: str, device: str) -> Peer:
    """Return MAML."""
    model = network_of(workload).to(device)
    optimizer = torchopt.MetaSGD(model, lr=INNER_LR)
    start = torchopt.extract_state_dict(model, by="reference")
    optimizer_start = torchopt.extract_state_dict(optimizer, by="reference")

    def step(task: Task) -> None:
        for _ in range(workload.inner_steps):
            optimizer.step(F.cross_entropy(model(task.support_x), task.support_y))
        F.cross_entropy(model(task.query_x), task.query_y).backward()
        torchopt.recover_state_dict(model, start)
        torchopt.recover_state_dict(optimizer, optimizer_start)

    def gradient(task: Task) -> float:
        step(task)
        return size_of_gradient(model)

    return Peer(step, gradient)


serve(build)
