"""EasyFSL's PrototypicalNetworks on a plain Conv-4, by the loop of its examples: its TaskSampler in a DataLoader."""

import torch
import torch.nn.functional as F
from easyfsl.methods import PrototypicalNetworks
from easyfsl.samplers import TaskSampler
from torch.utils.data import DataLoader, Dataset, Sampler
from training import Images, Job, Training, network, train


class Lenient:
    """What EasyFSL's sampler tells torch's, ``data_source``, which newer versions of torch do not take any more."""

    def __init__(self, data_source: None = None) -> None:
        pass


Sampler.__init__ = Lenient.__init__


class Labelled(Dataset):
    """Images in memory, as EasyFSL's sampler asks for them."""

    def __init__(self, images: Images) -> None:
        self._x, self._labels = images.x, images.y.tolist()

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        return self._x[place], self._labels[place]

    def get_labels(self) -> list[int]:
        """Return the class of every image."""
        return self._labels


def build(job: Job, images: Images) -> Training:
    """Return a prototypical network, trained on the tasks of a loader that makes all of them in this process."""
    model = PrototypicalNetworks(network())
    dataset = Labelled(images)
    sampler = TaskSampler(dataset, job.n_way, job.k_shot, job.n_query, len(job.rates) * job.meta_batch)
    tasks = iter(DataLoader(dataset, batch_sampler=sampler, collate_fn=sampler.episodic_collate_fn))

    def step() -> None:
        for _ in range(job.meta_batch):
            support_x, support_y, query_x, query_y, _ = next(tasks)
            model.process_support_set(support_x, support_y)
            (F.cross_entropy(model(query_x), query_y) / job.meta_batch).backward()

    return Training(model, step)


train(build)
