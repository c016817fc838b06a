"""The command line: thin. Each command parses, calls the client, and prints."""
