"""The training episodes of a run, whether they are still in object storage or not."""

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.fleet.platform import Platform
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import EpisodeBatch
from phiforge_sampler.service import Sampler


class TrainingEpisodes:
    """Reads a run's episode files, and makes those again from the seed that were deleted; counts both."""

    def __init__(self, platform: Platform, record: RunRecord) -> None:
        self.platform = platform
        self.record = record
        self.read = self.made = 0
        self.damaged: list[tuple[int, int]] = []
        """Version and job of files that are there but are not whole; they are made again in memory alone."""
        self._sampler = Sampler(platform)

    def file(self, version: int, job: int) -> bytes:
        """Return the episode file of the step from ``version``; raises PhiforgeError if the dataset is gone."""
        try:
            data = self.platform.store.get(training_episodes_key(self.record.run, version, job))
            EpisodeBatch.from_bytes(data)
        except MissingObjectError:
            pass
        except FormatError:
            self.damaged.append((version, job))
        else:
            self.read += 1
            return data
        self.made += 1
        return self._sampler.training_batch(self.record, version, job).to_bytes()
