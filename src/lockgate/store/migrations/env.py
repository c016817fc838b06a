"""Run by Alembic; the connection comes from :func:`lockgate.store.migrate.upgrade`, already in a transaction."""

from alembic import context

from lockgate.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    # SQLite can roll back DDL when, as here, nobody commits behind our back.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
