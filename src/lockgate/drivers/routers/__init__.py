"""Who gets which revision: one package or module for each kind of data plane."""
