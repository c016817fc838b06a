"""The imperative shell, in the order of the data. It knows ports, not drivers.

Read in this order: course, scene, rollout, pinning, planner, forecast, intake, life, requirements, gatehouse, almanac,
consent, inspection, policies, testimony, minutes, promoter, outcome, verifier, ledger, analyst, executor, recorder,
upkeep, reconciler, walker, worker, itinerary, logbook, dispatcher, collector, herald, courier, notices, record,
explaining, views, moment, snapshots, surveyor, chronicle, slots, calendar_desk, chain, notary, auditing, archivist,
redeployment, approvals, people, supply, whereabouts, naming, assembly, train_views, train_desk, policy_desk,
secret_watch, secret_desk, operations.
"""
