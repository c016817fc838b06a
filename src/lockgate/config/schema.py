"""JSON Schemas of the files, for editors. Made from the forms that read them, so neither can know a field alone.

The shipped copies in ``schemas/`` are what an editor is pointed at; a test holds them to this module. A schema says
what one field may hold; what only several fields together can tell is found by ``lockgate check``.
"""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from lockgate.config.application_file import APPLICATION
from lockgate.config.environments_file import CATALOGUE
from lockgate.config.form import Form, Schema
from lockgate.config.policy_file import POLICY
from lockgate.config.template_file import TEMPLATE
from lockgate.config.train_file import TRAIN

FOLDER = Path(__file__).parent / "schemas"


class FileKind(StrEnum):
    """Whose schema: the application's file, the environments', a template's, a policy's, or a train's."""

    APPLICATION = "lockgate"
    ENVIRONMENTS = "environments"
    TEMPLATE = "template"
    POLICY = "policy"
    TRAIN = "train"


_FORMS: dict[FileKind, Form[Any]] = {
    FileKind.APPLICATION: APPLICATION,
    FileKind.ENVIRONMENTS: CATALOGUE,
    FileKind.TEMPLATE: TEMPLATE,
    FileKind.POLICY: POLICY,
    FileKind.TRAIN: TRAIN,
}


def schema(kind: FileKind | str) -> Schema:
    """JSON Schema (draft 2020-12) of ``lockgate.yaml`` (``lockgate``), ``environments.yaml`` (``environments``), a file
    in ``templates`` (``template``), one in ``policies`` (``policy``), or a train's (``train``)."""
    known = FileKind(kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{known.value}.yaml of Lockgate",
        **_FORMS[known].schema(),
    }


def shipped(kind: FileKind) -> Path:
    """The copy in the package."""
    return FOLDER / f"{kind.value}.schema.json"


def rendered(kind: FileKind) -> str:
    """The schema as the text of its file."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"
