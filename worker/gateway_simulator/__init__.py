"""A simulated IB Gateway that speaks the real TWS wire protocol."""
