"""Alembic revisions of the store, one file each, packaged with it."""
