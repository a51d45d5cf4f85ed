"""Webhooks: events that the gateway posts to URLs of its clients, after Standard Webhooks 1.0.0."""
