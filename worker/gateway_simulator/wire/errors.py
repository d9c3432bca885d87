"""What is wrong with a frame that can't be read."""


class ProtocolError(Exception):
    """A frame or a field is not what the protocol says; the text tells which."""
