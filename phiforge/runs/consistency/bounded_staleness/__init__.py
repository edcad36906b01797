"""Runs with bounded staleness: the rules of their jobs, what of them is in Redis, and which are sent when."""

from phiforge.runs.consistency.bounded_staleness.rules import (
    Move,
    Ticket,
    applied,
    first_tickets,
    from_json,
    is_ticketed,
    move_of,
    opened_by,
    overdue,
    to_json,
)

__all__ = [
    "Move",
    "Ticket",
    "applied",
    "first_tickets",
    "from_json",
    "is_ticketed",
    "move_of",
    "opened_by",
    "overdue",
    "to_json",
]
