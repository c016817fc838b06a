"""Every YAML block of the documentation is one that Lockgate reads, and the annotated examples fit together."""

import pytest
import yaml

from lockgate.config.application_file import read_application
from lockgate.config.environments_file import read_catalogue
from lockgate.config.policies import Shelf
from lockgate.config.policy_file import read_policy
from tests.docs.pages import DOCS, Block, blocks

BLOCKS = list(blocks("yaml"))

WHOLE = "application: example\ncomponents: {web: {artifact: 'pypi:example', run: 'example {port}'}}\n"


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_yaml_block_is_understood(block: Block) -> None:
    """One that is none of the files is part of an application's."""
    names = set(yaml.safe_load(block.text))
    if "environments" in names:
        read_catalogue(
            block.text, str(block), Shelf({"ticket": read_policy("rule: 'true'\nmessage: no", "", "ticket")})
        )
    elif "rule" in names:
        read_policy(block.text, str(block), "ticket")
    else:
        read_application(block.text if "application" in names else WHOLE + block.text, str(block))


def test_there_are_some() -> None:
    assert len(BLOCKS) > 5


def test_the_annotated_examples_are_understood() -> None:
    read_application((DOCS / "reference" / "lockgate.yaml").read_text(), "lockgate.yaml")
    read_catalogue((DOCS / "reference" / "environments.yaml").read_text(), "environments.yaml")
