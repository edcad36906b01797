"""EasyFSL's PrototypicalNetworks on a plain Conv-4."""

import torch.nn.functional as F
from easyfsl.methods import PrototypicalNetworks
from work import Peer, Task, Workload, network_of, serve, size_of_gradient


def build(workload: Workload, variant: str, device: str) -> Peer:
    """Return a prototypical network with squared distances left to EasyFSL's own choice."""
    backbone = network_of(workload).to(device)
    model = PrototypicalNetworks(backbone)

    def step(task: Task) -> None:
        model.process_support_set(task.support_x, task.support_y)
        F.cross_entropy(model(task.query_x), task.query_y).backward()

    def gradient(task: Task) -> float:
        step(task)
        return size_of_gradient(model)

    return Peer(step, gradient)


serve(build)
