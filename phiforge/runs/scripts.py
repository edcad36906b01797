"""Scripts that Redis runs whole: what they are called with has names, in Python as in Lua."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from redis.commands.core import Script as RedisScript
from redis.exceptions import NoScriptError

Value = bytes | str | int | float
"""What a script can be given; it arrives as bytes."""

PRELUDE = "prelude"
COMMON = "phiforge.runs"
"""The package under whose ``lua/`` the scripts lie that belong to no protocol."""


class Script:
    """One script, called with keys and values by name."""

    def __init__(self, client: Any, text: str) -> None:  # noqa: ANN401 - a client that returns bytes
        """Use ``text`` with ``client``; the text must begin with the prelude, as that of ``text_of`` does."""
        self._redis = client
        self._script = RedisScript(client, text)

    def __call__(
        self,
        keys: Mapping[str, str],
        values: Mapping[str, Value],
        more_keys: Sequence[str] = (),
        more_values: Sequence[Value] = (),
    ) -> Any:  # noqa: ANN401 - what the script returns
        """Run the script and return what it does.

        Args:
            keys: keys by the names by which the script knows them, ``key.NAME``
            values: values likewise, ``arg.NAME``
            more_keys: keys without names, ``keys_rest``
            more_values: values without names, ``args_rest``
        """
        return self._script(keys=_keys(keys, more_keys), args=_values(keys, values, more_values))

    def beside(
        self,
        staged: Mapping[str, bytes],
        keys: Mapping[str, str],
        values: Mapping[str, Value],
        more_keys: Sequence[str] = (),
        more_values: Sequence[Value] = (),
    ) -> Any:  # noqa: ANN401 - what the script returns
        """Run the script, which finds what is ``staged`` under its keys, that nobody else ever sees.

        Given as values they would be copied by Lua, which takes longer than the way to Redis.
        """
        all_keys = _keys(keys, more_keys)
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.mset(staged)
                pipe.evalsha(self._script.sha, len(all_keys), *all_keys, *_values(keys, values, more_values))
                return pipe.execute()[-1]
        except NoScriptError:
            self._redis.script_load(self._script.script)
            return self.beside(staged, keys, values, more_keys, more_values)


def text_of(name: str, package: str = COMMON, shared: Sequence[str] = ()) -> str:
    """Return the text of a script: the prelude, what it shares with others of its kind, and its own.

    Args:
        name: its file, without ``.lua``
        package: whose folder it is in; by default it is a common one
        shared: common texts that it uses, by name
    """
    common = [_common(each) for each in (PRELUDE, *shared)]
    own = _common(name) if package == COMMON else files(package).joinpath(f"{name}.lua").read_text(encoding="utf-8")
    return "".join([*common, own])


def _common(name: str) -> str:
    return files(COMMON).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


def _keys(keys: Mapping[str, str], more: Sequence[str]) -> list[str]:
    return [*keys.values(), *more]


def _values(keys: Mapping[str, str], values: Mapping[str, Value], more: Sequence[Value]) -> list[Value]:
    return [" ".join(keys), " ".join(values), *values.values(), *more]
