"""Makes of modem, one file each: the differences from the plain modem."""
