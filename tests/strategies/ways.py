"""The strategies, with what each promises."""

from lockgate.strategies import blue_green, canary, recreate, rolling
from lockgate.testing.walks import NextStep, Promise

RECREATE = (recreate.next_step, Promise(capacity=False, alone=True))
ROLLING = (rolling.next_step, Promise(surge=True))
BLUE_GREEN = (blue_green.next_step, Promise())
CANARY = (canary.next_step, Promise(gradual=True))

WAYS: dict[str, tuple[NextStep, Promise]] = {
    "recreate": RECREATE,
    "rolling": ROLLING,
    "blue-green": BLUE_GREEN,
    "canary": CANARY,
}
