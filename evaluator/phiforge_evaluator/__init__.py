"""The evaluator service: query scores -> metrics, reports, the best φ."""
