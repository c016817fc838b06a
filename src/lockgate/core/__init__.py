"""The vocabulary, as values. Pure: no I/O, no clock, no ids minted.

Read in this order: ids, errors, source, artifact, image_name, template, secret, canary, application, release,
recurrence, calendar, environment, moment, timetable, gate, plan, deployment, admission, traffic, walk, window,
verification, inventory, audit, message, notification, attribution, envelope, keyring, checkpoint, export, cef,
statement, difference.
"""
