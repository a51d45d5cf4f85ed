"""The commands, one file per family. They ask the daemon, or use the store if no daemon runs."""
