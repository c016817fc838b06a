"""Who works out the rules of policies: a process of its own, with limits."""
