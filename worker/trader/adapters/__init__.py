"""The world behind the ports: the broker, the store, the topics, the clock."""
