"""The trading terms and rules: pure, with no I/O, no clock and no logging."""
