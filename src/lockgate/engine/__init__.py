"""The imperative shell, in the order of the data. It knows ports, not drivers.

Read in this order: course, scene, rollout, planner, forecast, intake, life, gatehouse, almanac, consent, inspection,
policies, testimony, minutes, promoter, outcome, verifier, ledger, analyst, executor, recorder, reconciler, walker,
worker, collector, herald, courier, notices, record, explaining, views, moment, snapshots, surveyor, chronicle, slots,
calendar_desk, chain, notary, auditing, archivist, redeployment, approvals, people, supply, whereabouts, naming,
policy_desk, operations.
"""
