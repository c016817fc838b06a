"""The imperative shell, in the order of the data. It knows ports, not drivers.

Read in this order: course, scene, rollout, planner, forecast, intake, life, gatehouse, promoter, outcome, verifier,
ledger, analyst, executor, recorder, reconciler, walker, worker, collector, herald, courier, notices, record,
explaining, views, chain, notary, auditing, archivist, redeployment, operations.
"""
