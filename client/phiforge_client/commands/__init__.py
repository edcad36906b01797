"""The groups of ``phiforge``'s subcommands. Each imports what it needs when it runs: ``--help`` must not wait."""
