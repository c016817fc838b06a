"""Where secrets are kept that are neither files nor variables of the server."""
