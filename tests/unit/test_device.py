"""What a device must do: learners and estimators stay on it, and what is computed there is exact and repeats itself."""

import subprocess
import sys

import pytest
import torch

from phiforge.base.errors import IncapableWorkerError
from phiforge.learning.device import require
from phiforge.learning.estimators import Contribution, Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.learners import LEARNERS
from phiforge.learning.repeatable import repeat_exactly, repeating_exactly
from phiforge.learning.scoring import score
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Numerics
from tests.certificate.cells import cells, refusal
from tests.certificate.material import contribution, estimating, learner_of, phi_of, relative_error, step_of
from tests.elsewhere import DEVICE, Elsewhere, Far
from tests.unit.on_device import SIDE, config_of, moved, tasks_on

SETTINGS = {
    "evolution": {"pairs": 1},
    "persistent_evolution": {"pairs": 1},
    "reptile": {"inner_steps": 2, "batch": 3},
    "implicit": {"iterations": 2},
}


@pytest.mark.parametrize(
    "cell", [cell for cell in cells() if LEARNERS[cell[0]].supervised and not refusal(*cell)], ids="-".join
)
def test_nothing_leaves_the_device(cell):
    # Given a learner and an estimator, and φ and tasks on a device that refuses to be mixed with the processor
    name, estimator = cell
    config = config_of(name, estimator)
    learner, found = learner_of(config, SIDE), []
    for device in ("cpu", DEVICE):
        with Elsewhere():
            phi = moved(phi_of(learner, torch.float32) if LEARNERS[name].learns else {}, device)
            tasks = tasks_on(device, config)
            assert all(isinstance(task.query_x, Far) == (device == DEVICE) for task in tasks)
            # If they are trained and judged there
            scores = score(learner, phi, tasks, "seed")
            if estimator == "none":
                found.append(scores)
            else:
                by = estimating(estimator, **SETTINGS.get(estimator, {}))
                found.append((contribution(by, learner, phi, tasks, step_of()).to_bytes(), scores))
    # I expect no mixture, and the same bits, as it is the processor that computes for the device;
    if not LEARNERS[name].searches:
        assert found[0] == found[1]
        return
    # but for logits, whose slope is a sum over a map in the order of its memory, which lies otherwise on the device.
    (here, scores), (there, others) = found
    assert scores == others
    parts = [Contribution.from_bytes(each).values for each in (there, here)]
    assert relative_error(*parts) < 1e-6


def test_steps_inside_a_job_stay_on_the_device():
    # Given a job that takes two steps by itself, with averages in φ
    config, outer = config_of("maml", "backpropagation"), {"job_size": 1, "meta_batch": 1, "local_steps": 2}
    spec, learner, found = RunSpec.model_validate({"outer": outer}), learner_of(config, SIDE), []
    for device in ("cpu", DEVICE):
        with Elsewhere():
            phi, tasks = moved(phi_of(learner, torch.float32), device), tasks_on(device, config, count=2)
            found.append(estimator_of(spec).contribute(learner, phi, tasks, Step(spec, 0), 0).to_bytes())
    # I expect the same of it.
    assert found[0] == found[1]


def test_the_device_that_is_none_refuses_mixtures():
    # Given the device, if a learner forgot to move what it made, I expect an error as on a GPU,
    with Elsewhere():
        far = torch.ones(3).to(DEVICE)
        assert far.device == torch.device(DEVICE)
        for near in (torch.ones(3), torch.arange(3)):
            with pytest.raises(AssertionError, match="mixes devices"):
                far + near
        # and none for scalars, for indices, and for what is made where it is wanted.
        assert isinstance(
            far * torch.tensor(2.0) + torch.ones(3, device=far.device) + far[torch.tensor([0, 1, 2])], Far
        )
        assert not isinstance(far.cpu(), Far)


@pytest.fixture
def untouched():
    """Torch as it was, whatever a test does."""
    with repeating_exactly():
        yield


def test_what_is_computed_is_exact_and_repeats_itself(untouched, monkeypatch):
    # Given torch with what is fast and loose switched on
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.use_deterministic_algorithms(False)
    for place in (torch.backends.cudnn, torch.backends.cuda.matmul):
        place.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    torch.autograd.set_multithreading_enabled(True)
    # If it is to repeat itself for a while, I expect deterministic algorithms, and float32 that is float32,
    with repeating_exactly():
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.benchmark
        assert not torch._C._is_multithreading_enabled()
    # and then torch as it was;
    assert torch.backends.cudnn.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.benchmark
    assert torch._C._is_multithreading_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    # for good, if it is for good.
    repeat_exactly()
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.allow_tf32


def test_to_repeat_itself_takes_no_compiler():
    # Given a fresh process, if it is to repeat itself, I expect torch's compiler, seconds to import, to stay away.
    code = "import sys, phiforge.learning.repeatable as r; r.repeat_exactly(); print('torch._inductor' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout == "False\n", said.stderr


@pytest.mark.parametrize(
    ("numerics", "device", "able", "lacking"),
    [
        ({"engine": "vmap"}, "cpu", False, None),
        ({"engine": "vmap", "dtype": "bfloat16"}, "cpu", False, None),
        ({"engine": "vmap", "dtype": "bfloat16"}, "cuda:1", True, None),
        (
            {"engine": "torch", "dtype": "bfloat16"},
            "cuda:1",
            False,
            "lacks bfloat16 on 'cuda:1'.*numerics.dtype=float32",
        ),
        ({"engine": "torch"}, "cuda:1", False, None),
        ({"engine": "fused"}, "cuda:1", True, "lacks engine 'fused'.*numerics.engine=torch"),
    ],
)
def test_what_a_worker_lacks(monkeypatch, numerics, device, able, lacking):
    # Given a worker on a device that computes in bfloat16 or not, if a run asks for more than it has
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able)
    if lacking is None:
        require(Numerics(**numerics), device)
        return
    # I expect it to be told, with the way out.
    with pytest.raises(IncapableWorkerError, match=lacking):
        require(Numerics(**numerics), device)
