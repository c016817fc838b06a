"""Strategies: how a change is spread in time. Pure: each is one function ``next_step(walk, scene) -> Step``.

A strategy is asked again after every look at the world and remembers nothing, so it must find its way from any state:
half-way through its own walk, or through that of a deployment that was pre-empted. They do not know each other; the
stretches they share are in ``lockgate.core.walk``. ``lockgate.testing.world`` proves one, also one of your own.

* ``recreate``: what runs ends before the new one starts; requests wait meanwhile. For what cannot run twice.
* ``rolling``: a batch at a time, with never more than a batch above the replicas. For what is too big to run twice.
* ``blue_green``: the whole new pool beside the old one, then all traffic at once. The quickest way back.
"""
