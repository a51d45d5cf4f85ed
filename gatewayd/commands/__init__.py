"""The commands, one file for each family. They ask the daemon, or the store where no daemon runs."""
