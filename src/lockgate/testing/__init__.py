"""The test kit: public fakes, a clock that obeys, contract suites, a world for strategies, a load generator.

Nothing that is shipped to run imports it. Whoever writes a driver or a strategy runs the same suites as Lockgate does.
"""
