"""Names of images: read strictly, as Docker reads them."""

import pytest

from lockgate.core.errors import Invalid
from lockgate.drivers.registry import HUB, ImageName, image_name
from lockgate.drivers.registry.names import api_host

HEX = "a" * 64


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("nginx:1.25", ImageName(HUB, "library/nginx", "1.25")),
        ("team/web:1", ImageName(HUB, "team/web", "1")),
        (f"nginx@sha256:{HEX}", ImageName(HUB, "library/nginx", "", f"sha256:{HEX}")),
        ("localhost/web:1", ImageName("localhost", "web", "1")),
        ("127.0.0.1:5000/shop/web:1.4", ImageName("127.0.0.1:5000", "shop/web", "1.4")),
        (f"127.0.0.1:5000/web@sha256:{HEX}", ImageName("127.0.0.1:5000", "web", "", f"sha256:{HEX}")),
        (f"r.example/a__b/c-d.e:v_1@sha256:{HEX}", ImageName("r.example", "a__b/c-d.e", "v_1", f"sha256:{HEX}")),
        ("[::1]:5000/web:1", ImageName("[::1]:5000", "web", "1")),
        (f"{HUB}/nginx:1", ImageName(HUB, "library/nginx", "1")),
    ],
)
def test_a_name_says_where_and_which(text: str, meant: ImageName) -> None:
    assert image_name(text) == meant
    assert image_name(str(meant)) == meant


@pytest.mark.parametrize("alias", ["", "index.", "registry-1."])
def test_docker_hub_has_one_name_here(alias: str) -> None:
    hub = alias + ".".join(("docker", "io"))
    assert image_name(f"{hub}/nginx:1") == image_name(f"{hub}/library/nginx:1") == image_name("nginx:1")


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("nginx", "such as nginx:1.0"),
        ("127.0.0.1:5000/web", "such as 127.0.0.1:5000/web:1.0"),
        ("web:", "A tag is"),
        ("web:-1", "A tag is"),
        (f"web:{'1' * 129}", "A tag is"),
        ("web:1@", "A digest is"),
        ("web@sha256:abc", "A digest is"),
        (f"web@sha256:{'A' * 64}", "A digest is"),
        (f"web@sha512:{HEX}", "A digest is"),
        (f"web@sha256:{HEX}@sha256:{HEX}", "A digest is"),
        ("Web:1", "lower-case"),
        ("a//b:1", "lower-case"),
        ("/web:1", "lower-case"),
        ("a/../b:1", "lower-case"),
        ("a___b:1", "lower-case"),
        ("web\n:1", "lower-case"),
        ("https://r.example/web:1", "A registry is"),
        ("user@r.example/web:1", "A digest is"),
        ("-r.example/web:1", "A registry is"),
        ("r.example:x/web:1", "A registry is"),
        (f"r.example/{'a' * 250}:1", "shorter"),
        (":1", "lower-case"),
        ("", "says neither"),
    ],
)
def test_what_is_no_name_is_refused_with_the_way_to_mend_it(text: str, mend: str) -> None:
    with pytest.raises(Invalid) as refused:
        image_name(text)
    assert mend in str(refused.value)


@pytest.mark.parametrize("text", ["ann:hunter2@r.example/web:1", "https://ann:hunter2@r.example/web:1"])
def test_a_password_in_front_of_a_name_is_not_repeated(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        image_name(text)
    assert "hunter2" not in str(refused.value)


def test_the_hub_answers_at_another_host_than_its_name() -> None:
    assert api_host(HUB) != HUB and api_host(HUB).endswith(HUB)
    assert api_host("127.0.0.1:5000") == "127.0.0.1:5000"
