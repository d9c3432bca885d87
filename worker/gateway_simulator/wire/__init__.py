"""The TWS wire protocol: frames, fields, and one table for each message."""
