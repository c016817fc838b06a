"""Package URLs, and what somebody may look for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.errors import Invalid
from lockgate.core.package import By, Package, PackageUrl, Sought, package_of, purl_or_none, sought
from lockgate.testing.samples import an_artifact

_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="/", exclude_categories=("Cs", "Cc")), min_size=1)
_PLAIN = _WORDS.filter(lambda text: text not in (".", "..") and text == text.lower())


@given(
    st.sampled_from(["pypi", "npm", "deb", "maven", "generic", "oci"]),
    _PLAIN,
    st.lists(_PLAIN, max_size=3),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=9),
    st.dictionaries(st.from_regex(r"[a-z][a-z0-9_.]{0,5}", fullmatch=True), _WORDS, max_size=3),
)
def test_a_package_url_comes_back_as_it_was_written(
    kind: str, name: str, spaces: list[str], version: str, qualifiers: dict[str, str]
) -> None:
    url = PackageUrl(kind, name, "/".join(spaces), version, qualifiers)
    again = PackageUrl.parse(str(url))
    if kind == "pypi":
        assert again.name == name.lower().replace("_", "-")
    else:
        assert again == url
    assert PackageUrl.parse(str(again)) == again
    assert again.line == PackageUrl.parse(again.line).line


@given(st.text(max_size=60))
def test_any_text_is_a_package_url_or_none(text: str) -> None:
    found = purl_or_none(f"pkg:{text}")
    assert found is None or purl_or_none(str(found)) == found


@pytest.mark.parametrize("text", ["", "pkg:", "pkg:pypi", "pkg:pypi/", "pypi/x", "pkg:p!/x", "http://x"])
def test_what_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match=r"Write it as pkg:pypi/urllib3@2\.0\.4"):
        PackageUrl.parse(text)


D = "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"sha256:{D}", Sought(By.DIGEST, f"sha256:{D}")),
        (D.upper(), Sought(By.DIGEST, f"sha256:{D}")),
        ("rel-0123456789ab", Sought(By.RELEASE, "rel-0123456789ab")),
        ("openssl", Sought(By.NAME, "openssl")),
        (" OpenSSL@3.0.7 ", Sought(By.NAME, "openssl", "3.0.7")),
        ("openssl 3.0.7", Sought(By.NAME, "openssl", "3.0.7")),
        ("@angular/core", Sought(By.NAME, "core", "", "@angular/core")),
        ("@angular/core@17", Sought(By.NAME, "core", "17", "@angular/core")),
        ("pkg:PyPI/Foo_Bar@1.0", Sought(By.PURL, "pkg:pypi/foo-bar", "1.0")),
        ("pkg:deb/debian/x@1?arch=amd64", Sought(By.PURL, "pkg:deb/debian/x", "1", "", {"arch": "amd64"})),
        ("pypi:datasette==0.65.2", Sought(By.NAME, "datasette", "0.65.2")),
        ("pypi:datasette[x]==0.65.2", Sought(By.NAME, "datasette", "0.65.2")),
        ("npm:http-server@14.1.1", Sought(By.NAME, "http-server", "14.1.1")),
        ("oci:host:5000/shop/web:1.2", Sought(By.NAME, "web", "1.2", "host:5000/shop/web")),
        (f"oci:host/web@sha256:{D}", Sought(By.DIGEST, f"sha256:{D}")),
        ("file:./shop.py", Sought(By.NAME, "shop.py")),
    ],
)
def test_what_somebody_looks_for_is_understood(text: str, expected: Sought) -> None:
    assert sought(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "/", "@", "npm:", "pkg:x"])
def test_what_cannot_be_looked_for_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        sought(text)


@given(st.text(max_size=50))
def test_anything_else_is_looked_for_or_refused(text: str) -> None:
    try:
        assert sought(text).name
    except Invalid:
        assert not text.strip() or text.strip().lower().startswith("pkg:") or not text.strip(" @/:")


def test_an_artifact_is_a_package_too() -> None:
    found = package_of(an_artifact("Foo_Bar", "1.0"), "web")
    assert found == Package("Foo_Bar", "1.0", "pkg:pypi/foo-bar@1.0", found.digest, "web")
    assert found.line == "pkg:pypi/foo-bar" and found.short_name == "foo_bar"
