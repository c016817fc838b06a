"""The test kit, for Lockgate's own tests and for whoever writes a driver or a strategy: fakes that keep the ports'
contracts, a clock that is set by hand, contract suites, and a world to prove strategies in."""
