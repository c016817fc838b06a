"""The edge: one module for each outside system, behind the ports."""
