"""What the README shows runs as it stands."""

import re
from pathlib import Path

import torch
import yaml

from phiforge.spec.read import parse_spec

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def block(language):
    """Return the only code block of a language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return found


def test_python_example_runs():
    # Given the README's example and the support and query images it speaks of
    images = {"support_x": torch.rand(5, 1, 28, 28), "query_x": torch.rand(10, 1, 28, 28)}
    names = images | {"support_y": torch.arange(5)}

    # If it is run
    exec(compile(block("python"), "README.md", "exec"), names)

    # Expect logits of each query for each of the five classes
    assert names["logits"].shape == (10, 5)


def test_spec_example_is_accepted():
    # Given the README's spec, Expect no fault in it
    assert parse_spec(yaml.safe_load(block("yaml"))).name == "my-run"


def test_every_file_it_names_is_there():
    # Given the specs and documents that the README names, Expect each to exist
    named = set(re.findall(r"(?:specs|docs|deploy)/[\w./-]+\.\w+", README)) | {
        target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target
    }
    assert named
    assert not {name for name in named if not (ROOT / name).exists() and name != "specs/NAME.yaml"}
