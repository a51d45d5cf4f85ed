"""Makes of modem, one file each: what differs from the plain one."""
