"""How fast things are, measured by hand: nothing here is timed in the test suite."""
