"""Where artifacts come from: one module for each kind."""
