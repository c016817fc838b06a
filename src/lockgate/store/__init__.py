"""The memory: deployments, history, releases, quarantines and inventory in one SQL database.

One code path for SQLite and Postgres. Open it with :func:`lockgate.store.database.open_store`.
"""
