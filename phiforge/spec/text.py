"""YAML or JSON text to plain values, strictly: a key that stands twice in a mapping is a problem, not a choice."""

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NoReturn

import yaml

from phiforge.spec import core_schema


class TextError(ValueError):
    """Text that is neither YAML nor JSON, or that gives a key twice."""


class _Loader(yaml.SafeLoader):
    """YAML's plain values by the core schema, with keys that are unique."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; raises TextError at the second of two equal keys."""
        own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        _refuse_repeats([(self.construct_object(key, deep=True), None) for key in own])
        return super().construct_mapping(node, deep)


def _construct(read: Callable[[str], Any], _: _Loader, node: yaml.Node) -> Any:  # noqa: ANN401 - any plain value
    """Return what a word means; raises TextError if ``read`` cannot say, or it is no word."""
    try:
        if not isinstance(node, yaml.ScalarNode):
            raise ValueError(f"a {node.tag.rpartition(':')[2]} must be one word")
        return read(str(node.value))
    except ValueError as error:
        raise TextError(f"{error}{_place(node.start_mark)}") from error


def _refuse_odd(text: str) -> NoReturn:
    raise ValueError(core_schema.odd_number(text))


def _teach_core_schema() -> None:
    """Let ``_Loader`` read words by the core schema and by nothing else."""
    _Loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in core_schema.RESOLVERS:
        _Loader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), first)
    readers = {core_schema.INT: core_schema.whole_number, core_schema.FLOAT: core_schema.number}
    readers |= {core_schema.BOOL: core_schema.truth, core_schema.ODD: _refuse_odd}
    for tag, read in readers.items():
        _Loader.add_constructor(tag, partial(_construct, read))


_teach_core_schema()


def parse_text(text: str) -> Any:  # noqa: ANN401 - any plain value
    """Return what ``text`` says, read as JSON if it is that, else as YAML 1.2; raises TextError."""
    try:
        return json.loads(text, object_pairs_hook=_refuse_repeats, parse_constant=_refuse_odd)
    except json.JSONDecodeError:
        pass  # JSON that is indented with tabs is no YAML, and most specs are no JSON
    except RecursionError as error:
        raise TextError("it is nested too deeply") from error
    except ValueError as error:
        raise TextError(str(error)) from error
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise TextError("it is nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        what = ", ".join(each for each in (error.context, error.problem) if each)
        raise TextError(what + _place(error.problem_mark)) from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise TextError(" ".join(str(error).split())) from error  # PyYAML lets its constructors' own errors out


def _place(mark: yaml.Mark | None) -> str:
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""


def _refuse_repeats(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    times = Counter(key for key, _ in pairs if isinstance(key, Hashable))
    repeated = sorted(str(key) for key, count in times.items() if count > 1)
    if repeated:
        raise TextError(f"{', '.join(repeated)}: given twice")
    return dict(pairs)
