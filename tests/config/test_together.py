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


def test_an_image_is_not_for_a_target_that_runs_processes_nor_the_other_way_round() -> None:
    application = "application: shop\ncomponents: {web: {artifact: 'oci:web:1'}, job: {artifact: pypi:job, run: job}}\n"
    assert together(application, "environments:\n  dev: {target: process}\n  prod: {target: docker}\n") == [
        "environments.yaml:2: environments.dev.target: web is an image, which the target process cannot run. "
        "Write `target: docker` for dev, or another artifact.",
        "environments.yaml:3: environments.prod.target: job is of kind pypi, no image, which the target docker cannot "
        "run. Write `target: process` for prod, or another artifact.",
    ]


def test_each_secret_that_an_environment_lacks_is_named_where_it_is_read() -> None:
    application = (
        "application: shop\ncomponents:\n  web:\n    artifact: pypi:web\n    run: web\n    secrets: [key, token]\n"
    )
    environments = "environments:\n  dev: {secrets: {key: {variable: K}, tokens: {variable: T}}}\n"
    assert together(application, environments) == [
        "lockgate.yaml:6: components.web.secrets[1]: environment 'dev' has no secret 'token' (it has: key, tokens). "
        "Add secrets: {token: {kept: true}} to dev (environments.yaml:2). Did you mean 'tokens'?"
    ]


def test_values_in_a_container_are_looked_for_too() -> None:
    application = (
        "application: shop\ncomponents:\n  web:\n    artifact: oci:web:1\n"
        "    container: {mounts: {/data: '{values.data}'}, entrypoint: 'web {values.level}'}\n"
    )
    named = [
        sentence.partition(" which")[0] for sentence in together(application, "environments: {dev: {target: docker}}\n")
    ]
    assert named == [
        "lockgate.yaml:5: components.web.container.entrypoint: it uses the value 'level',",
        "lockgate.yaml:5: components.web.container.mounts./data: it uses the value 'data',",
    ]


def test_each_cell_is_held_against_the_application_by_itself() -> None:
    run = "web {port} {values.a} {values.b} {values.c}"
    application = f"application: shop\ncomponents: {{web: {{artifact: pypi:web, run: '{run}'}}}}\n"
    environments = """\
environments:
  prod:
    values: {a: 1}
    cells:
      north: {listen: 8081, values: {b: 1}}
      south: {target: docker, listen: {other: 8082}, values: {b: 2, c: 3}}
"""
    assert together(application, environments) == [
        "lockgate.yaml:2: components.web.run: it uses the value 'c', which the cell north of prod does not give (it "
        "gives: a, b). Add values: {c: ...} to the cell north of prod (environments.yaml:5), or a default to the "
        "application's own values.",
        "environments.yaml:6: environments.prod.cells.south.target: web is of kind pypi, no image, which the target "
        "docker cannot run. Write `target: process` for the cell south of prod, or another artifact.",
        "environments.yaml:6: environments.prod.cells.south.listen: nothing says where requests for shop arrive. Give "
        "the cell south of prod an address, such as listen: {shop: 8080}.",
    ]
