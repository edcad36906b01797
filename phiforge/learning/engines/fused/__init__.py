"""The fused engine: blocks of Conv-4 in one or two passes over memory, differentiable twice, on a CPU."""
