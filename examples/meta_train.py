"""MAML on sinusoids (Finn et al. 2017, section 5.1), in this process alone."""

from phiforge.learning.meta_training import judge, meta_train
from phiforge.spec.read import parse_spec
from phiforge.tasks.drawing import Tasks

learner = {"name": "maml", "inner_lr": 0.01, "network": {"name": "mlp"}}
task, outer = {"n_way": 1, "k_shot": 10, "n_query": 10}, {"versions": 300, "meta_batch": 10, "job_size": 10}
spec = parse_spec({"data": {"name": "sinusoid"}, "task": task, "learner": learner, "outer": outer})
tasks = Tasks(spec)
first, *_, last = meta_train(spec, tasks.training)
for version in (first, last):
    loss = judge(spec, version.phi, tasks.judged("validation"))["loss"]
    print(f"φ of version {version.version}: loss {loss.mean:.2f} ± {loss.ci95:.2f} on tasks never seen")
