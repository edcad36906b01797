"""Published accuracies on Omniglot, 1-shot, in per cent, with where they stand; '' where none was published.

They were measured on other splits and with other budgets, mostly with batch statistics of the query set (transductive).
How each was made, and in what ours differ: ``docs/protocols.md``, from ``benchmarks/protocols``.
"""

from typing import NamedTuple


class Published(NamedTuple):
    """Accuracy of 5-way and of 20-way 1-shot, and the source."""

    five_way: str
    twenty_way: str
    source: str


PUBLISHED = {
    "maml": Published("98.7", "95.8", "Finn et al. 2017"),
    "first-order-maml": Published("98.3", "89.4", "Finn et al. 2017; Nichol et al. 2018 (transductive)"),
    "reptile": Published("95.4 (97.7 transductive)", "88.1 (89.4 transductive)", "Nichol et al. 2018"),
    "meta-sgd": Published("99.5", "95.9", "Li et al. 2017"),
    "maml-plus-plus": Published("99.5", "97.7", "Antoniou et al. 2019"),
    "implicit-maml": Published("99.2", "94.5", "Rajeswaran et al. 2019 (gradient descent)"),
    "anil": Published("", "96.2", "Raghu et al. 2020"),
    "prototypical": Published("98.8", "96.0", "Snell et al. 2017"),
    "matching": Published("98.1", "93.8", "Vinyals et al. 2016"),
    "relation": Published("99.6", "97.6", "Sung et al. 2018"),
    "siamese": Published("97.3", "88.2", "Koch et al. 2015, in Vinyals et al. 2016"),
    "r2d2": Published("98.9", "", "Bertinetto et al. 2019"),
}
NONE = Published("", "", "")
