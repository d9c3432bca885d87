"""The ways in: a push request, the server, the command line."""
