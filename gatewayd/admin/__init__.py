"""The administration commands: the operations behind the command line."""
