"""What only both files together can tell."""

from lockgate.config.application_file import read_application
from lockgate.config.environments_file import read_catalogue
from lockgate.config.together import check_together

APPLICATION = """\
application: shop
values: {given: 1}
components:
  web:
    artifact: pypi:web
    run: web {port} {values.given} {values.limit}
    env:
      LEVEL: "{values.level}"
verify:
  - command:
      run: "./smoke {url} {values.limit} {{values.literal}}"
"""


def together(application: str, environments: str) -> list[str]:
    return [p.sentence() for p in check_together(read_application(application), read_catalogue(environments))]


def test_each_value_that_an_environment_lacks_is_named_where_it_is_used() -> None:
    environments = (
        "environments:\n  dev: {listen: 1, values: {limit: 1, level: x}}\n  prod: {listen: 2, values: {limt: 1}}\n"
    )
    lacks = "which environment 'prod' does not give (it gives: given, limt)."
    add = "to prod (environments.yaml:3), or a default to the application's own values."
    assert together(APPLICATION, environments) == [
        "lockgate.yaml:6: components.web.run: it uses the value 'limit', "
        f"{lacks} Add values: {{limit: ...}} {add} Did you mean 'limt'?",
        "lockgate.yaml:8: components.web.env.LEVEL: it uses the value 'level', "
        f"{lacks} Add values: {{level: ...}} {add}",
        "lockgate.yaml:11: verify[0].command.run: it uses the value 'limit', "
        f"{lacks} Add values: {{limit: ...}} {add} Did you mean 'limt'?",
    ]


def test_an_application_that_takes_requests_needs_an_address() -> None:
    values = "values: {limit: 1, level: x}"
    environments = f"environments:\n  dev: {{{values}}}\n  prod:\n    listen: {{site: 80}}\n    {values}\n"
    assert together(APPLICATION, environments) == [
        "environments.yaml:2: environments.dev.listen: nothing says where requests for shop arrive. "
        "Give dev an address, such as listen: 8080.",
        "environments.yaml:4: environments.prod.listen: nothing says where requests for shop arrive. "
        "Give prod an address, such as listen: {shop: 8080}.",
    ]


def test_one_that_takes_none_needs_no_address() -> None:
    worker = "application: jobs\ncomponents: {worker: {artifact: pypi:worker, run: worker}}\n"
    assert together(worker, "environments: {dev: {}}\n") == []


def test_replicas_of_a_component_that_is_not_there_are_named() -> None:
    application = "application: shop\ncomponents: {web: {artifact: pypi:web, run: web}}\n"
    environments = "environments:\n  dev:\n    replicas:\n      shop/wob: 2\n      other/wob: 2\n      wob: 2\n"
    assert together(application, environments) == [
        "environments.yaml:4: environments.dev.replicas.shop/wob: shop has no component 'wob'; it has: web. "
        "Did you mean 'web'?"
    ]
