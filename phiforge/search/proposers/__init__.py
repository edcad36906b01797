"""Proposers: which points of a space to try next. One a file."""

from phiforge.search.proposers.bases.proposer import Proposer, build_proposer, lacking

__all__ = ["Proposer", "build_proposer", "lacking"]
