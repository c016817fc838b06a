"""Trial: a template read as a definition would read it, with its defaults and examples."""

from lockgate.config.application_file import CHECK, COMPONENT
from lockgate.config.document import Node, Scalar, Sequence, settled
from lockgate.config.expansion import filled
from lockgate.config.form import At
from lockgate.config.template_file import Part, Template
from lockgate.core.errors import Invalid, Problem


def faults(template: Template) -> list[Problem]:
    """What is wrong with what becomes of it; nothing, too, when an input has neither default nor example."""
    given: dict[str, Scalar] = {}
    for name, one in template.inputs.items():
        value = one.default if one.default is not None else one.example
        if value is None:
            return []
        given[name] = Scalar(value.text, value.line, one.quoted)
    return _faults(template, filled(template, given))


def _faults(template: Template, body: Node) -> list[Problem]:
    component = template.part is Part.COMPONENT
    items = body.items if isinstance(body, Sequence) and not component else (body,)
    noted: list[Problem] = []
    for item in items:
        at = At(item, template.where, template.part.value, "tried", item.line, noted)
        try:
            if component:
                COMPONENT.read(at)
            else:
                CHECK.read(at)
        except Invalid as fault:
            noted.extend(fault.problems)
    return [settled(problem) for problem in noted]
