"""What a person who looks after the gateway can do: the operations behind the command line."""
