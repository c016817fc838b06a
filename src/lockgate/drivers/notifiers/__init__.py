"""How notifications reach people and programs: one module for each service."""
