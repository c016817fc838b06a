"""Every YAML block of the documentation is one that Lockgate reads, and the annotated examples fit together."""

from pathlib import Path

import pytest
import yaml

from lockgate.config.application_file import read_application
from lockgate.config.environments_file import read_catalogue
from lockgate.config.library import Library, library
from lockgate.config.policies import Shelf
from lockgate.config.policy_file import read_policy
from lockgate.config.template_file import read_template
from lockgate.config.train_file import read_train
from lockgate.config.trial import faults
from tests.docs.pages import DOCS, Block, blocks

BLOCKS = list(blocks("yaml"))

WHOLE = "application: example\ncomponents: {web: {artifact: 'pypi:example', run: 'example {port}'}}\n"


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_yaml_block_is_understood(block: Block, tmp_path: Path) -> None:
    """One that is none of the files is part of an application's. Templates are those of its own page."""
    names = set(yaml.safe_load(block.text))
    if "template" in names:
        read_template(block.text, str(block))
    elif "train" in names:
        read_train(block.text, str(block))
    elif "environments" in names:
        read_catalogue(
            block.text, str(block), Shelf({"ticket": read_policy("rule: 'true'\nmessage: no", "", "ticket")})
        )
    elif "rule" in names:
        read_policy(block.text, str(block), "ticket")
    else:
        whole = block.text if "application" in names else WHOLE + block.text
        read_application(whole, str(block), templates_of(block, tmp_path))


def templates_of(block: Block, folder: Path) -> Library:
    (folder / "templates").mkdir()
    for other in blocks("yaml", pages=[block.page]):
        name = yaml.safe_load(other.text).get("template")
        if name:
            (folder / "templates" / f"{name}.yaml").write_text(other.text)
    return library(("the page", folder))


def test_there_are_some() -> None:
    assert len(BLOCKS) > 5


def test_the_annotated_examples_are_understood() -> None:
    read_application((DOCS / "reference" / "lockgate.yaml").read_text(), "lockgate.yaml")
    read_catalogue((DOCS / "reference" / "environments.yaml").read_text(), "environments.yaml")
    assert faults(read_template((DOCS / "reference" / "template.yaml").read_text(), "template.yaml")) == []
