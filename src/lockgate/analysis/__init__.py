"""What users got, judged: evidence that grows with every window of traffic, valid at every look.

Pure and incremental: a state small enough to live in a deployment's row, and a window of counts, make the next state.
Read in this order: windows, conditional, counts, cases, dispersion, histogram, shape, latency, gauges, objective,
arrivals, outage, state, judge, sentences, ramp, replay, planning.
"""
