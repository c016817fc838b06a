"""What calls the engine when something is due."""
