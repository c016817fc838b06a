"""Where metrics come from that Lockgate does not measure itself."""
