"""Lockgate: continuous deployment you can pip install."""
