"""Contract suites: what every implementation of a port must do, as test classes that its own tests inherit."""
