"""Run by Alembic: brings the database that `feedback.database` has opened to the newest form of its table."""

from alembic import context

from digit_core.feedback.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
