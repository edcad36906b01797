"""What is asked of the secured servers beyond the store and the exchange, and the bucket's name."""

import redis

BUCKET = "phiforge"


def permitted(client: redis.Redis, *command: str) -> bool:
    """Say whether Redis lets this user do ``command``."""
    try:
        client.execute_command(*command)
    except redis.exceptions.NoPermissionError:
        return False
    return True
