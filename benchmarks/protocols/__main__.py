"""The page that says how published figures were made, and in what ours differ: ``docs/protocols.md``.

python -m benchmarks.protocols [--output docs/protocols.md]
"""

from benchmarks.page import parser, publish
from benchmarks.protocols.page import page


def main() -> None:
    """Print the page and, if asked for, write it."""
    publish(page(), parser(__doc__).parse_args().output)


if __name__ == "__main__":
    main()
