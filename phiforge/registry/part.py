"""What a part is: a class with a name, a configuration of its own, and abilities as flags."""

from typing import Any, ClassVar

from phiforge.registry.section import Section


class PartConfig(Section):
    """The configuration of a part; a part's own has ``name: Literal["its_name"] = "its_name"``."""

    name: str


class Part:
    """A piece that a spec names: a learner, an estimator, a network, a proposer and so on.

    A class that stands by itself sets ``Config``. Its name is that of its configuration, of its file and, in an
    installed package, of its entry point. What it can do is said by flags, which the bases below this one list.

    Example::

        class ShoutConfig(PartConfig):
            name: Literal["shout"] = "shout"
            volume: float = Field(default=1.0, gt=0, description="How loud.")

        class Shout(LearnerPart):
            Config = ShoutConfig
    """

    Config: ClassVar[type[PartConfig]]
    """What it is configured by."""
    name: ClassVar[str]
    """How a spec names it; taken from ``Config``."""

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - a class's own
        super().__init_subclass__(**options)
        if "Config" in cls.__dict__:
            cls.name = cls.Config.model_fields["name"].default
