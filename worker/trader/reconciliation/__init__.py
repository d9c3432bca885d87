"""Our books against the broker's: what differs, what may be unlocked, what a person repairs."""
