"""``python run.py PEER ...`` runs a peer's module.

torchvision's own operators, which no peer uses here, do not load beside a torch without CUDA; its Python does if they
are declared.
"""

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import library

if find_spec("torchvision") and torch.version.cuda is None:
    operators = library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

peer = sys.argv.pop(1)
runpy.run_path(str(Path(__file__).parent / f"{peer}.py"), run_name="__main__")
