"""What `gatewayd check` looks at: each file judges one thing and returns findings, for a person who cannot debug."""
