"""The imperative shell, in the order of the data. It knows ports, not drivers.

Read in this order: course, scene, rollout, planner, forecast, intake, life, gatehouse, almanac, promoter, outcome,
verifier, ledger, analyst, executor, recorder, reconciler, walker, worker, collector, herald, courier, notices, record,
explaining, views, slots, calendar_desk, chain, notary, auditing, archivist, redeployment, operations.
"""
