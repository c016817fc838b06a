"""What runs and ends: one file per kind of task."""
