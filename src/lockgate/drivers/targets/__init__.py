"""Where instances live. One file or package per kind of target; none knows another."""
