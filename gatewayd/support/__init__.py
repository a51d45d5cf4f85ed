"""What goes into the archive of `gatewayd support`: each file gathers one thing, and nothing leaves it unmasked."""
