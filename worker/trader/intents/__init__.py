"""One file an intent: its command, its outcome and its handler, exposed as ``INTENT``."""
