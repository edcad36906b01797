"""Scores: how well a model did on one task's query set. One a file."""

from phiforge.learning.scores.bases.score import Score, build_score
from phiforge.registry import SCORES

__all__ = ["SCORES", "Score", "build_score"]
