"""The contents of the archive of `gatewayd support`: each file collects one subject, and everything is masked."""
