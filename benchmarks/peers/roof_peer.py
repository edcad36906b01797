"""The roof: convolutions of 64 to 64 channels alone, at the shapes of a query set, in channels-last memory.

On a GPU, for which one is too little to do, of a meta-batch of them. A "task" is one pass forward and backward over the
three such convolutions; the gradient is the number of operations.
"""

import torch
from work import CHANNELS, Peer, Task, Workload, serve

GEOMETRY = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)


def build(workload: Workload, variant: str, device: str) -> Peer:
    """Return the convolutions."""
    images = workload.n_way * workload.n_query
    if device != "cpu":
        images *= workload.meta_batch
    last = {"memory_format": torch.channels_last, "device": device}
    maps = [torch.rand(images, CHANNELS, side, side).to(**last) for side in (14, 7, 3)]
    weight = torch.rand(CHANNELS, CHANNELS, 3, 3).to(**last)

    def step(task: Task) -> None:
        for x in maps:
            z = torch.ops.aten.convolution(x, weight, None, *GEOMETRY)
            torch.ops.aten.convolution_backward(z, x, weight, None, *GEOMETRY, [True, True, False])

    operations = sum(3 * 2 * 9 * CHANNELS * x.numel() for x in maps)
    return Peer(step, lambda task: float(operations))


serve(build)
