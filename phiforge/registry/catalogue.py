"""One kind of part by name: ours, found by their files, and those that installed packages bring by entry points.

Nothing is imported to list names; a part is imported when it is asked for.
"""

import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Generic, TypeVar

from phiforge.base.errors import MissingPartError, RegistryError
from phiforge.registry.part import Part

log = logging.getLogger(__name__)

P = TypeVar("P", bound=Part)
B = TypeVar("B")


class Catalogue(Mapping[str, type[P]], Generic[P]):
    """The parts of one kind, in order of name.

    Args:
        kind: how messages call one, as ``learner``.
        group: the entry points that bring more, as ``phiforge.learners``.
        package: the package whose every module is a part of ours, called as the part is.
        base: what every part of the kind derives from.

    Example::

        LEARNERS["maml"]            # the class, imported now
        sorted(LEARNERS)            # names alone, nothing imported
    """

    def __init__(self, kind: str, group: str, package: str, base: type[P]) -> None:
        self.kind, self.group = kind, group
        self._package, self._base = package, base
        self._loaded: dict[str, type[P]] = {}

    def __getitem__(self, name: str) -> type[P]:
        """Return the part ``name``; raises MissingPartError if there is none here, RegistryError if it is broken."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._own, *self._installed}))

    def __len__(self) -> int:
        return len({*self._own, *self._installed})

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._installed

    def built_on(self, base: type[B], name: str) -> type[B]:
        """Return the part ``name``, which can compute: its class derives from ``base``. Raises as asking for it."""
        found = self[name]
        if not issubclass(found, base):
            raise RegistryError(f"{self.kind} {name!r} is {found.__qualname__}, expected a subclass of {base.__name__}")
        return found

    def origin(self, name: str) -> str:
        """Return which package brings the part ``name``, with its version: ours is ``phiforge``."""
        if name in self._own:
            return "phiforge"
        point = self._installed[name]
        return f"{point.dist.name} {point.dist.version}" if point.dist else point.value

    def source(self, name: str) -> Path | None:
        """Return the file of the part ``name``, which is not imported for that; None if it cannot be said."""
        if name in self._own:
            return Path(next(iter(self._places)), f"{name}.py")
        try:
            spec = find_spec(self._installed[name].module)
        except Exception:  # the package around it is not ours, and may raise anything
            return None
        return Path(spec.origin) if spec and spec.origin else None

    def working(self) -> dict[str, type[P]]:
        """Return every part that can be imported, by name; of a broken one the log says why."""
        found = {}
        for name in self:
            try:
                found[name] = self[name]
            except RegistryError as error:
                log.warning("%s", error)
        return found

    @cached_property
    def _own(self) -> frozenset[str]:
        return frozenset(module.name for module in iter_modules(self._places) if not module.ispkg)

    @cached_property
    def _places(self) -> list[str]:
        spec = find_spec(self._package)
        return list((spec.submodule_search_locations if spec else None) or [])

    @cached_property
    def _installed(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    @cached_property
    def _twice(self) -> dict[str, str]:
        """Return, of each name that cannot be told apart, who brings it: an error only for who asks for it."""
        brought: dict[str, set[str]] = {name: {self._package} for name in self._own}
        for point in entry_points(group=self.group):
            by = f"{point.dist.name} ({point.value})" if point.dist else point.value
            brought.setdefault(point.name, set()).add(by)
        return {name: ", ".join(sorted(by)) for name, by in brought.items() if len(by) > 1}

    def _load(self, name: str) -> type[P]:
        if name in self._twice:
            raise RegistryError(f"{self.kind} {name!r} is brought twice, by {self._twice[name]}: remove or rename one")
        if name in self._own:
            return self._checked(name, self._of_module(f"{self._package}.{name}"))
        if name not in self._installed:
            raise _missing(self, name)
        try:
            found = self._installed[name].load()
        except Exception as error:
            raise RegistryError(
                f"{self.kind} {name!r} of {self.origin(name)} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        return self._checked(name, found)

    def _of_module(self, module: str) -> object:
        """Return the one part that a module of ours defines."""
        own = [
            each
            for each in vars(import_module(module)).values()
            if isinstance(each, type) and issubclass(each, self._base) and each.__module__ == module
        ]
        named = [each for each in own if "Config" in vars(each)]
        if len(named) != 1:
            raise RegistryError(f"{module} defines {len(named)} parts with a Config, expected one {self.kind}")
        return named[0]

    def _checked(self, name: str, found: object) -> type[P]:
        if not (isinstance(found, type) and issubclass(found, self._base)):
            raise RegistryError(f"{self.kind} {name!r} is {found!r}, expected a subclass of {self._base.__name__}")
        if "Config" not in vars(found) or found.name != name:
            raise RegistryError(
                f"{self.kind} {name!r} is {found.__qualname__}, which is called {getattr(found, 'name', None)!r}: the "
                f'entry point, and \'name: Literal["{name}"] = "{name}"\' in its Config, must say the same'
            )
        return found


class Catalogues(Mapping[str, type[P]], Generic[P]):
    """Several kinds of part that stand to choose at one place of a spec."""

    def __init__(self, kind: str, *parts: Catalogue[P]) -> None:
        self.kind, self._parts = kind, parts

    def __getitem__(self, name: str) -> type[P]:
        """Return the part ``name``; raises MissingPartError if there is none here."""
        return self._with(name)[name]

    def __contains__(self, name: object) -> bool:
        return any(name in part for part in self._parts)

    def origin(self, name: str) -> str:
        """Return which package brings the part ``name``, with its version: ours is ``phiforge``."""
        return self._with(name).origin(name)

    def source(self, name: str) -> Path | None:
        """Return the file of the part ``name``, which is not imported for that; None if it cannot be said."""
        return self._with(name).source(name)

    def _with(self, name: str) -> Catalogue[P]:
        for part in self._parts:
            if name in part:
                return part
        raise _missing(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(name for part in self._parts for name in part))

    def __len__(self) -> int:
        return sum(map(len, self._parts))


def _missing(there: Catalogue[P] | Catalogues[P], name: str) -> MissingPartError:
    """Return the error for a part that is not ``there``."""
    return MissingPartError(
        f"this process has no {there.kind} {name!r}: install the package that brings it, as where the run was "
        f"submitted; here are {', '.join(there)}"
    )
