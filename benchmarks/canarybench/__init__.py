"""canarybench: how many users a bad release hurts until it is noticed, and how often a good one is taken for bad.

Simulated rollouts with fixed seeds, judged by Lockgate's statistics and by those of Kayenta, Argo Rollouts and Flagger,
written from their documented behaviour. Read in this order: traffic, history, stress, eprocess, kayenta, thresholds,
methods, trial, studies, latency, cpu, report.
"""
