"""Documents that are attached to releases: kept as they came, read without trust.

``reading`` recognises one and hands it to the module of its format; ``apart`` does that in a process of its own, with
limits of time and memory, so that no document can harm the server; ``shelf`` is the port.
"""
