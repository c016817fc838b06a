"""The imperative shell, in the order of the data. It knows ports, not drivers.

Read in this order: course, scene, planner, forecast, intake, life, promoter, outcome, verifier, ledger, analyst,
executor, walker, recorder, reconciler, worker, collector, record, explaining, views, operations.
"""
