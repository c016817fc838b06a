"""The edge: one file per outside system; its errors become ours here.

What several drivers share stands on this floor: shim and supervision (programs that outlive us), cgroups, probe.
"""
