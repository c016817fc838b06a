"""What several tests of the files need."""

import re
from collections.abc import Callable
from typing import Any

from lockgate.config.application_file import read_application
from lockgate.config.document import Node, Scalar, Table
from lockgate.config.environments_file import read_catalogue
from lockgate.config.form import Read
from lockgate.config.policy_file import read_policy
from lockgate.config.schema import FileKind
from lockgate.config.template_file import read_template
from lockgate.config.train_file import read_train

READERS: dict[FileKind, Callable[[str, str], Read[Any]]] = {
    FileKind.APPLICATION: read_application,
    FileKind.ENVIRONMENTS: read_catalogue,
    FileKind.TEMPLATE: lambda text, where: Read(read_template(text, where), where),
    FileKind.TRAIN: read_train,
    FileKind.POLICY: lambda text, where: read_policy(text, where, "quiet-hours"),
}


def as_an_editor_sees(node: Node) -> Any:
    """The node as plain values, typed by the core schema of YAML 1.2, as a JSON Schema validator gets them."""
    if isinstance(node, Table):
        return {name: as_an_editor_sees(child) for name, child in node.entries.items()}
    if not isinstance(node, Scalar):
        return [as_an_editor_sees(item) for item in node.items]
    if node.quoted:
        return node.text
    if node.is_nothing:
        return None
    if node.text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return node.text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]{1,4000}", node.text):
        return int(node.text)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", node.text):
        return float(node.text)
    return node.text
