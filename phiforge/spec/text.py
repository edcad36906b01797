"""YAML or JSON text to plain values, strictly: a key that stands twice in a mapping is a problem, not a choice."""

import json
from collections import Counter
from collections.abc import Hashable
from typing import Any

import yaml


class TextError(ValueError):
    """Text that is neither YAML nor JSON, or that gives a key twice."""


class _Loader(yaml.SafeLoader):
    """YAML's plain values, with keys that are unique."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; raises TextError at the second of two equal keys."""
        own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        _refuse_repeats([(self.construct_object(key, deep=True), None) for key in own])
        return super().construct_mapping(node, deep)


def parse_text(text: str) -> Any:  # noqa: ANN401 - any plain value
    """Return what ``text`` says, read as JSON if it is that, else as YAML 1.1; raises TextError."""
    try:
        return json.loads(text, object_pairs_hook=_refuse_repeats)
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
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise TextError(str(error)) from error  # PyYAML lets its constructors' own errors out


def _refuse_repeats(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    times = Counter(key for key, _ in pairs if isinstance(key, Hashable))
    repeated = sorted(str(key) for key, count in times.items() if count > 1)
    if repeated:
        raise TextError(f"{', '.join(repeated)}: given twice")
    return dict(pairs)
