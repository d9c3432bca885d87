"""The life of one intent, from a delivery to its told result."""
