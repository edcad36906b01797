"""What a dataset is to those who publish it: where its examples come from."""

from abc import ABC, abstractmethod
from typing import Any

from phiforge.base.settings import Settings
from phiforge.registry.abilities import DatasetPart
from phiforge.tasks.datasets.bases.dataset import Dataset, Progress
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted


class DatasetSource(DatasetPart, ABC):
    """A set of images in classes that can be collected: downloaded, read from a folder or drawn.

    Example::

        source = Glyphs(GlyphsData(drawings=8), Settings())
        dataset = source.build()
        dataset.images.shape, len(dataset.classes), dataset.splits["test"][0]
    """

    def __init__(self, config: Any, settings: Settings, progress: Progress | None = None) -> None:  # noqa: ANN401
        """Find it; raises DataError if it cannot be had.

        Args:
            config: its own configuration.
            settings: where this process keeps and finds things: ``home``, ``omniglot``, ``images``.
            progress: told what is being done, how much of it is done, and how much there is (0: a remark).
        """
        self.config, self.settings, self.progress = config, settings, progress

    @classmethod
    def preprocessing(cls, config: Any) -> Wanted | None:  # noqa: ANN401 - its own configuration
        """Return how a picture becomes an input of a learner that learned from this; None if no picture can."""
        return None

    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """Return what the images depend on, besides the configuration: hashes of files, versions of libraries."""

    @abstractmethod
    def build(self) -> Dataset:
        """Read or draw the dataset; raises DataError if that cannot be done."""
