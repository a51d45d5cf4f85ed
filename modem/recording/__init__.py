"""Recordings of modems: asked by the gateway, free of personal data, and played by the simulator."""
