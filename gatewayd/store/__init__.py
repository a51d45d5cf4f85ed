"""The database: data, durability, backups. The only folder with SQL."""

from gatewayd.store.engine.connection import Transaction

__all__ = ["Transaction"]
