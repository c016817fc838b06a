"""The user's files and the server's settings -> core values; each fault is named by file, line and the way to mend it.

Read in this order: document form scalars words container application_file environments_file together schema
settings project.
"""
