"""The ``phiforge`` command's groups of subcommands. Each imports what it needs when it runs: ``--help`` must not wait."""
