"""What is kept, and how durably. The only folder with SQL."""

from gatewayd.store.engine.connection import Transaction

__all__ = ["Transaction"]
