"""The trading worker: an intent message comes in, a result event goes out."""
