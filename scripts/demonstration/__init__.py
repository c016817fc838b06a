"""What the demo is made of: the applications it deploys, the stage it plays on, who tells it, and what was promised."""
