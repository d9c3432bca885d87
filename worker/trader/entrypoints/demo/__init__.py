"""The demo: the whole system shown at work, step by step, each judged as it ends."""
