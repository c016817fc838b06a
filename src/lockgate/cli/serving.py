"""The server and this machine: serve, doctor, open."""
