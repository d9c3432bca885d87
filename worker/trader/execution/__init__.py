"""A plan of orders, each placed at most once: planned, guarded, sent, settled."""
