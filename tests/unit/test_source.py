"""What no line of the packages may do: open what others packed as code, or run text as code. And what is locked."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("phiforge", "sampler", "trainer", "evaluator", "server", "client", "deploy", "benchmarks")
UNPACKERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
LOADERS = {"torch.load", "torch.jit.load", "torch.hub.load", "yaml.load", "yaml.load_all", "yaml.unsafe_load"}
LOADERS |= {"yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all", "yaml.Loader", "yaml.UnsafeLoader"}
LOADERS |= {"yaml.FullLoader", "os.system", "os.popen", "builtins.eval", "builtins.exec"}
SAFE_LOADER = "yaml.SafeLoader"
RUNNERS = {"eval", "exec", "compile", "__import__"}
MAY = {
    "phiforge/registry/catalogue.py": ["import_module"],
    "phiforge/learning/networks/bases/pretrained/checkpoint.py": ["torch.load"],
}
"""Parts of ours are imported by the names of files in our packages, never by a name that was given.

One published checkpoint, whose bytes are known by their SHA-256 before they are read, is read as tensors alone.
"""
PINNED = re.compile(r"^[a-z0-9.-]+==[^\s;]+( ; .+)?$")


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def faults(source: str) -> list[str]:
    """Return what in ``source`` could run what it reads, whatever name it goes by."""
    tree = ast.parse(source)
    names = dict(imported(tree))
    found = [full for full in names.values() if full.split(".")[0] in UNPACKERS or full in LOADERS]
    safe = safe_loads(tree, names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += list(in_call(node, names))
        elif isinstance(node, ast.Attribute) and dotted(node, names) in LOADERS and node not in safe:
            found.append(dotted(node, names))
    return found


def safe_loads(tree: ast.AST, names: dict[str, str]) -> set[ast.expr]:
    """Return the ``yaml.load`` of calls that name a safe loader, or a class of the same file made from one."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    loaders = {each.name for each in classes if [dotted(base, names) for base in each.bases] == [SAFE_LOADER]}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and dotted(node.func, names) == "yaml.load"]
    arguments = {call: [*call.args[1:], *(keyword.value for keyword in call.keywords)] for call in calls}
    return {
        call.func
        for call, loader in arguments.items()
        if len(loader) == 1 and dotted(loader[0], names) in loaders | {SAFE_LOADER}
    }


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name that an import binds, and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                root = each.name.split(".")[0]
                yield (each.asname, each.name) if each.asname else (root, root)
        elif isinstance(node, ast.ImportFrom):
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)


def in_call(call: ast.Call, names: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with one call: a runner by its bare name, a NumPy file or a shell that may hold code."""
    if isinstance(call.func, ast.Name) and call.func.id in RUNNERS:
        yield call.func.id
    for keyword in call.keywords:
        if keyword.arg in ("allow_pickle", "shell") and not is_false(keyword.value):
            yield f"{keyword.arg}="
    if dotted(call.func, names).endswith("import_module"):
        yield "import_module"


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Return ``a.b.c`` of an attribute, with its first name as it was imported; empty for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return ""


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled_and_no_text_is_run(path: Path) -> None:
    assert faults(path.read_text()) == MAY.get(str(path.relative_to(ROOT)), [])


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads as read",
        "import cloudpickle as safe",
        "import torch\ntorch.load('x')",
        "import torch as t\nread = t.load",
        "import torch.nn\ntorch.load('x')",
        "from torch import load as take\ntake('x')",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "import yaml\nyaml.load(text)",
        "import yaml\nclass Mine(yaml.FullLoader): ...\nyaml.load(text, Mine)",
        "import yaml\nclass Mine(yaml.SafeLoader, Other): ...\nyaml.load(text, Mine)",
        "from yaml import unsafe_load",
        "import yaml as y\ny.load_all(text, y.FullLoader)",
        "import numpy\nnumpy.load('x', allow_pickle=True)",
        "eval('1')",
        "exec(text)",
        "__import__('pick' + 'le')",
        "import importlib\nimportlib.import_module('pickle')",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
    ],
)
def test_the_search_finds(source: str) -> None:
    assert faults(source) != []


@pytest.mark.parametrize(
    "source",
    [
        "import yaml\nyaml.safe_load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
        "import yaml\nclass Mine(yaml.SafeLoader): ...\nyaml.load(text, Mine)",
        "import re\nre.compile('x')",
        "from safetensors.torch import load\nload(data)",
        "model.eval()",
        "import numpy\nnumpy.load('x', allow_pickle=False)",
        "'pickle.loads'  # torch.load",
    ],
)
def test_the_search_does_not_find(source: str) -> None:
    assert faults(source) == []


# The lock files


def locked(name: str) -> list[str]:
    """Return the requirements of a lock file, without comments."""
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_dependency_is_pinned(name: str) -> None:
    # Given a lock file, I expect one exact version a line: no range, address or option.
    assert [line for line in locked(name) if not PINNED.fullmatch(line)] == []
    names = [line.partition("==")[0] for line in locked(name)]
    assert len(set(names)) == len(names) > 20


def test_what_is_deployed_is_what_was_tested() -> None:
    # Given both lock files, I expect the deployed one in that of development, version by version.
    assert set(locked("requirements.lock")) <= set(locked("requirements-dev.lock"))
