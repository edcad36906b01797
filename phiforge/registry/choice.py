"""A place of a spec where one of several parts stands: its name decides which configuration is read there."""

from collections.abc import Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from phiforge.base.errors import RegistryError
from phiforge.registry.part import Part, PartConfig

NO_NAME, UNKNOWN = "part_without_a_name", "unknown_part"


class PartOf:
    """Marks a field of a section as the configuration of a part: ``Annotated[PartConfig, PartOf(LEARNERS)]``.

    Args:
        catalogue: the parts that may stand there.
        able: only parts whose class has this flag.
        default: the name of the part that is meant where none is given; by default one must be given.
    """

    def __init__(
        self, catalogue: Mapping[str, type[Part]], able: str | None = None, default: str | None = None
    ) -> None:
        self.catalogue, self.able, self.default = catalogue, able, default

    def names(self) -> list[str]:
        """Return the names that may be given."""
        if self.able is None:
            return list(self.catalogue)
        return [name for name in self.catalogue if getattr(self.catalogue[name], self.able)]

    def working(self) -> list[str]:
        """Return those of ``names`` whose part can be imported."""
        return [name for name in self.names() if self._imports(name)]

    def configuration(self, name: object) -> type[PartConfig] | None:
        """Return what a part is configured by, or None if none of that name may stand here."""
        known = isinstance(name, str) and name in self.catalogue
        return self.catalogue[str(name)].Config if known and self._may_stand(str(name)) else None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.with_info_plain_validator_function(
            self._read,
            serialization=core_schema.plain_serializer_function_ser_schema(_dumped, info_arg=True),
        )

    def _imports(self, name: str) -> bool:
        try:
            return self.catalogue[name] is not None
        except RegistryError:
            return False

    def _may_stand(self, name: str) -> bool:
        return self.able is None or bool(getattr(self.catalogue[name], self.able))

    def _read(self, value: Any, info: core_schema.ValidationInfo) -> PartConfig:  # noqa: ANN401 - whatever was given
        if isinstance(value, PartConfig):
            return value
        if not isinstance(value, Mapping):
            raise PydanticKnownError("dict_type")
        name = value.get("name", self.default)
        if name is None:
            raise PydanticCustomError(NO_NAME, "a part without a name")
        configuration = self.configuration(name)
        if configuration is None:
            raise PydanticCustomError(UNKNOWN, "a part that is not known here")
        return configuration.model_validate(dict(value) | {"name": name}, context=info.context)


def _dumped(value: PartConfig, info: core_schema.SerializationInfo) -> dict[str, Any]:
    return value.model_dump(mode=info.mode)


class DefaultPart:
    """Makes the configuration of a part with all its defaults: a field's ``default_factory``.

    Args:
        catalogue: where the part is found.
        name: which part; known before the part is imported.
    """

    def __init__(self, catalogue: Mapping[str, type[Part]], name: str) -> None:
        self.catalogue, self.name = catalogue, name

    def __call__(self) -> PartConfig:
        """Return the configuration; the part is imported for that."""
        return self.catalogue[self.name].Config(name=self.name)


def default_of(catalogue: Mapping[str, type[Part]], name: str) -> PartConfig:
    """Return the configuration of a part with all its defaults."""
    return DefaultPart(catalogue, name)()
