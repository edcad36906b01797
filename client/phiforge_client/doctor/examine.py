"""All that the doctor looks at, in order; what goes wrong with a look is a finding too."""

from collections.abc import Callable, Iterator
from functools import partial

from phiforge.base.environment import read_settings
from phiforge.base.errors import PhiforgeError, SettingsError
from phiforge_client.doctor import machine, places, servers
from phiforge_client.doctor.finding import Finding, State, failure, good

Look = Callable[[], Iterator[Finding]]


def examine() -> Iterator[Finding]:
    """Yield what is found, one thing after the other."""
    for what, look in {"Python": machine.python, "torch": machine.torch, "processor": machine.processor}.items():
        yield from _looked(what, look)
    yield from _looked("memory", machine.memory)
    try:
        settings = read_settings()
    except SettingsError as error:
        for problem in error.problems:
            yield failure("settings", problem, "correct it; what depends on settings was not looked at")
        return
    yield good("settings", "all PHIFORGE_* variables can be used")
    looks = {"GPU": machine.gpu, "home": places.home, "disk": places.disk, "ports": places.ports, "data": places.data}
    for what, of_settings in (looks | {"Redis": servers.redis, "object storage": servers.store}).items():
        yield from _looked(what, partial(of_settings, settings))


def worst(found: list[Finding]) -> State:
    """Return how the worst of all is."""
    order = list(State)
    return max((each.state for each in found), key=order.index, default=State.OK)


def _looked(what: str, look: Look) -> Iterator[Finding]:
    try:
        yield from look()
    except PhiforgeError as error:
        yield failure(what, str(error), "do what is said, then ask again")
    except Exception as error:  # a look that fails must not hide the others, whatever a library raises
        yield failure(
            what, f"it cannot be looked at: {type(error).__name__}: {error}", "install it again, or mend that"
        )
