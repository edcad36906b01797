"""Which key of the object storage holds what of a run."""

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.runs.submitted import RunRecord


def key_of(run: str, *parts: str) -> str:
    """Return the key of something of a run."""
    return "/".join(("runs", run, *parts))


def submitted_key(run: str) -> str:
    """Return where what was submitted is: beside the runs, so that to list all runs is not to list their episodes."""
    return f"submitted/{run}.json"


def version_of(key: str) -> int:
    """Return the version that the last part of a key names."""
    return int(key.split("/")[-1].partition(".")[0])


def sidecar_key(run: str, version: int) -> str:
    """Return where a checkpoint's sidecar is, which makes it count."""
    return key_of(run, "checkpoints", f"{version:08d}.json")


def tensors_key(run: str, version: int) -> str:
    """Return where a checkpoint's tensors are."""
    return key_of(run, "checkpoints", f"{version:08d}.safetensors")


def training_episodes_key(run: str, version: int, job: int) -> str:
    """Return where the episodes of one job are."""
    return key_of(run, "episodes", f"{version:08d}", f"{job:04d}")


def evaluation_episodes_key(record: RunRecord, split: str, chunk: int) -> str:
    """Return where a chunk of the fixed episodes of ``split`` is: shared by all runs that are judged alike."""
    evaluation = record.spec.evaluation
    judged_by = {
        "dataset": record.dataset,
        "task": record.spec.evaluation_task.model_dump(mode="json"),
        "seed": evaluation.seed,
        "chunk_size": evaluation.chunk_size,
    }
    if record.spec.evaluation_noise:
        judged_by["label_noise"] = record.spec.evaluation_noise
    return f"evaluation/{sha256_hex(canonical_json(judged_by))[:32]}/{split}/{chunk:04d}"
