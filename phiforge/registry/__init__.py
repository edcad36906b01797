"""Parts by name: ours, and those that installed packages bring."""

from phiforge.registry.catalogue import Catalogue, Catalogues
from phiforge.registry.catalogues import (
    DATA,
    DATASETS,
    ESTIMATORS,
    FAMILIES,
    KINDS,
    LEARNERS,
    NETWORKS,
    OPTIMIZERS,
    PROPOSERS,
    SCHEDULERS,
    SCORES,
)
from phiforge.registry.choice import PartOf
from phiforge.registry.part import Part, PartConfig
from phiforge.registry.section import Section

__all__ = [
    "DATA",
    "DATASETS",
    "ESTIMATORS",
    "FAMILIES",
    "KINDS",
    "LEARNERS",
    "NETWORKS",
    "OPTIMIZERS",
    "PROPOSERS",
    "SCHEDULERS",
    "SCORES",
    "Catalogue",
    "Catalogues",
    "Part",
    "PartConfig",
    "PartOf",
    "Section",
]
