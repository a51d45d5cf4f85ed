"""The checks of `gatewayd check`: each file checks one subject and returns findings with remedies for an operator."""
