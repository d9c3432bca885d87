"""The one path from strategies to orders: bars, decisions, prices, limits, netting, a stored plan."""
