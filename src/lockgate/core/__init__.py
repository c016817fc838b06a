"""The vocabulary, as values. Pure: no I/O, no clock, no ids minted.

Read in this order: ids, errors, source, artifact, image_name, package, finding, evidence, template, secret, sealed,
canary, application, requirement, release, approval, origin, recurrence, calendar, environment, moment, timetable, gate,
facts, policy, capability, plan, deployment, train, admission, traffic, walk, window, discretion, verification,
inventory, holding, comparison, opening_hours, rulebook, amendment, audit, message, notification, people, invitation,
attribution, envelope, keyring, checkpoint, export, cef, statement, difference.
"""
