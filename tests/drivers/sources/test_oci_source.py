"""Images: in a real registry, with and without sign-in, and in one that lies."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import httpx2
import pytest

from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.errors import (
    ArtifactMissing,
    ArtifactMistyped,
    CapabilityMissing,
    ComponentMissing,
    Denied,
    Invalid,
    Unavailable,
)
from lockgate.core.secret import Secret
from lockgate.drivers.depot import Depot
from lockgate.drivers.docker_logins import DockerLogins
from lockgate.drivers.logins import Login
from lockgate.drivers.registry import Registries
from lockgate.drivers.sources.oci import OciSource
from lockgate.testing.contracts.source import SourceCase, SourceContract
from lockgate.testing.docker_engine import ImageRegistry
from tests.drivers.images import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    LAYER,
    MANIFEST,
    Hostile,
    Reply,
    configuration,
    digest_of,
    hostile,
    index,
    manifest,
    push,
    push_image,
    told,
)

ANN = "ann:$2b$04$JbdYI8bmCECkgjZP00DwL.mUtph8eBAIRv83NocwrWB4NM49aQyVm\n"
"""Her password is ``geheim``."""


def _ref(name: str) -> Reference:
    return Reference(ArtifactKind.OCI, name)


@pytest.fixture
def source(depot: Depot) -> Iterator[OciSource]:
    registries = Registries(lambda _: None)
    yield OciSource(depot, registries)
    registries.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of a repository that only this test has."""
    return "shop/t" + digest_of(request.node.nodeid.encode())[7:19]


@pytest.mark.real
class TestContract(SourceContract):
    @pytest.fixture
    def case(self, source: OciSource, folder: Path, image_registry: ImageRegistry, name: str) -> SourceCase:
        push_image(image_registry.host, name, "1")
        place = image_registry.folder / "data/docker/registry/v2/repositories" / name
        image = f"{image_registry.host}/{name}"
        return SourceCase(source, folder, _ref(f"{image}:1"), _ref(f"{image}:2"), place)

    def test_making_ready_needs_nothing_of_the_origin_and_happens_once(self, case: SourceCase) -> None:
        """Engines make images ready; what is kept of one is enough to say what it is."""
        artifact = case.source.resolve(case.moving, case.folder)
        shutil.rmtree(case.origin)
        assert isinstance(case.source, OciSource)
        assert case.source.platforms(artifact) == ("linux/amd64",)
        with pytest.raises(CapabilityMissing, match="target runs containers"):
            case.source.materialise(artifact)


@pytest.mark.real
def test_an_image_is_known_by_the_digest_that_its_tag_named(
    depot: Depot, source: OciSource, folder: Path, image_registry: ImageRegistry, name: str
) -> None:
    digest = push_image(image_registry.host, name, "1.4")
    image = f"{image_registry.host}/{name}"
    artifact = source.resolve(_ref(f"{image}:1.4"), folder)
    assert artifact == Artifact(ArtifactKind.OCI, image, "1.4", digest, f"oci:{image}:1.4")
    assert source.latest(_ref(f"{image}:1.4"), folder) == _ref(f"{image}@{digest}")
    assert source.blobs_of(artifact) == {digest, digest_of(configuration())} == set(depot.blobs)


@pytest.mark.real
def test_a_tag_may_move_and_a_digest_beside_it_decides(
    source: OciSource, folder: Path, image_registry: ImageRegistry, name: str
) -> None:
    image = f"{image_registry.host}/{name}"
    first = push_image(image_registry.host, name, "1")
    second = push_image(image_registry.host, name, "1", "arm64")
    assert first != second
    assert source.resolve(_ref(f"{image}:1"), folder).digest == second
    both = source.resolve(_ref(f"{image}:1@{first}"), folder)
    assert (both.version, both.digest) == ("1", first)
    assert source.resolve(_ref(f"{image}@{first}"), folder).version == first[7:19]


@pytest.mark.real
def test_an_image_for_several_platforms_is_the_index_with_its_platforms(
    depot: Depot, source: OciSource, folder: Path, image_registry: ImageRegistry, name: str
) -> None:
    host, parts = image_registry.host, []
    for architecture, variant in (("amd64", {}), ("arm64", {"variant": "v8"})):
        data = manifest(configuration(architecture))
        push(host, name, digest_of(data), data, configuration(architecture))
        parts.append(told(data, MANIFEST, platform={"os": "linux", "architecture": architecture, **variant}))
    attestation = manifest(b"{}", [told(b"proof", "application/vnd.in-toto+json")])
    push(host, name, digest_of(attestation), attestation, b"{}", b"proof")
    beside = told(attestation, MANIFEST, platform={"os": "unknown", "architecture": "unknown"})
    digest = push(host, name, "1", index(*parts, beside))
    artifact = source.resolve(_ref(f"{host}/{name}:1"), folder)
    assert artifact.digest == digest
    assert source.platforms(artifact) == ("linux/amd64", "linux/arm64/v8")
    assert source.blobs_of(artifact) == {digest, *(one["digest"] for one in parts)} == set(depot.blobs)


@pytest.mark.real
def test_an_image_in_docker_s_own_format_is_one(
    source: OciSource, folder: Path, image_registry: ImageRegistry, name: str
) -> None:
    config = configuration("s390x")
    data = manifest(config, mediaType=DOCKER_MANIFEST, config_type=DOCKER_CONFIG)
    digest = push(image_registry.host, name, "1", data, config)
    artifact = source.resolve(_ref(f"{image_registry.host}/{name}:1"), folder)
    assert (artifact.digest, source.platforms(artifact)) == (digest, ("linux/s390x",))


@pytest.mark.real
def test_what_is_no_image_is_refused_and_not_kept(
    depot: Depot, source: OciSource, folder: Path, image_registry: ImageRegistry, name: str
) -> None:
    chart = "application/vnd.cncf.helm.config.v1+json"
    push(image_registry.host, name, "chart", manifest(b"{}", config_type=chart), b"{}")
    push(image_registry.host, name, "sbom", manifest(b"{}", artifactType="application/spdx+json"), b"{}")
    for tag, kind in (("chart", "helm"), ("sbom", "spdx")):
        with pytest.raises(ArtifactMistyped, match=kind):
            source.resolve(_ref(f"{image_registry.host}/{name}:{tag}"), folder)
    assert list(depot.blobs) == []


@pytest.mark.real
def test_a_repository_that_is_not_there_is_missing(
    source: OciSource, folder: Path, image_registry: ImageRegistry
) -> None:
    with pytest.raises(ArtifactMissing, match="shop/nothing:1"):
        source.resolve(_ref(f"{image_registry.host}/shop/nothing:1"), folder)


@pytest.mark.real
def test_what_cosign_attached_is_found_in_a_registry_without_referrers(
    source: OciSource, folder: Path, image_registry: ImageRegistry, name: str
) -> None:
    host, digest = image_registry.host, push_image(image_registry.host, name, "1")
    assert httpx2.get(f"http://{host}/v2/{name}/referrers/{digest}").status_code == 404
    layer = told(b"signed", LAYER, annotations={"dev.cosignproject.cosign/signature": "MEUC"})
    push(host, name, digest.replace(":", "-") + ".sig", manifest(b"{}", [layer]), b"{}", b"signed")
    artifact = source.resolve(_ref(f"{host}/{name}:1"), folder)
    (found,) = source.attachments(artifact)
    assert (found.digest, found.annotations) == (layer["digest"], layer["annotations"])


@pytest.fixture(scope="module")
def guarded(require_real: Callable[[str], NoReturn]) -> Iterator[ImageRegistry]:
    """A registry that only Ann may use."""
    registry = ImageRegistry(users=ANN)
    try:
        registry.start()
    except ComponentMissing as missing:
        require_real(str(missing))
    yield registry
    registry.stop()
    shutil.rmtree(registry.folder)


@pytest.mark.real
def test_a_registry_with_sign_in_lets_in_whoever_docker_login_did(
    depot: Depot, folder: Path, guarded: ImageRegistry
) -> None:
    digest = push_image(guarded.host, "shop/web", "1", auth=("ann", "geheim"))
    config = {"auths": {guarded.host: {"auth": "YW5uOmdlaGVpbQ=="}}}
    logins = DockerLogins({"DOCKER_AUTH_CONFIG": json.dumps(config)})
    with closing(Registries(logins)) as registries:
        found = OciSource(depot, registries).resolve(_ref(f"{guarded.host}/shop/web:1"), folder)
    assert found.digest == digest


@pytest.mark.real
@pytest.mark.parametrize("login", [None, Login("ann", Secret("s3cret"))], ids=["nobody", "wrong"])
def test_a_registry_with_sign_in_refuses_others_and_they_learn_how(
    depot: Depot, folder: Path, guarded: ImageRegistry, login: Login | None
) -> None:
    with closing(Registries(lambda _: login)) as registries, pytest.raises(Denied, match="docker login ") as raised:
        OciSource(depot, registries).resolve(_ref(f"{guarded.host}/shop/web:1"), folder)
    assert guarded.host in raised.value.mend
    assert "s3cret" not in str(raised.value)


# --- by hand ---


@pytest.fixture
def registry() -> Iterator[Hostile]:
    with hostile() as one:
        yield one


def test_a_digest_that_is_here_needs_no_registry_that_answers(
    depot: Depot, source: OciSource, folder: Path, registry: Hostile
) -> None:
    digest = registry.image()
    fixed = _ref(f"{registry.host}/shop/web@{digest}")
    first = source.resolve(fixed, folder)
    registry.before.append(lambda _: Reply(status=503))
    assert source.resolve(fixed, folder) == first
    with pytest.raises(Unavailable):
        source.resolve(_ref(f"{registry.host}/shop/web:1"), folder)
    depot.blobs.delete(digest_of(configuration()))
    with pytest.raises(Unavailable):
        source.resolve(fixed, folder)


def test_an_index_may_lack_platforms_but_not_all(source: OciSource, folder: Path, registry: Hostile) -> None:
    there = registry.image()
    known = json.loads(index(told(registry.pages["/v2/shop/web/manifests/1"].data, MANIFEST)))["manifests"][0]
    known["platform"] = {"os": "linux", "architecture": "amd64"}
    gone = {**known, "digest": "sha256:" + "1" * 64, "platform": {"os": "linux", "architecture": "arm64"}}
    registry.pages["/v2/shop/web/manifests/some"] = Reply(index(known, gone))
    registry.pages["/v2/shop/web/manifests/none"] = Reply(index(gone))
    artifact = source.resolve(_ref(f"{registry.host}/shop/web:some"), folder)
    assert source.platforms(artifact) == ("linux/amd64",)
    assert source.blobs_of(artifact) == {artifact.digest, there}
    with pytest.raises(ArtifactMissing, match="none of the images"):
        source.resolve(_ref(f"{registry.host}/shop/web:none"), folder)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"schemaVersion": 1, "name": "shop/web", "tag": "1", "fsLayers": []}', "schema 1"),
        (index(), "without images"),
        (index(told(b"x", MANIFEST, artifactType="application/spdx+json")), "without images"),
        (index(told(b"x", MANIFEST), artifactType="application/spdx+json"), "spdx"),
        (index(told(b"x", MANIFEST), config=told(b"x", "x/y")), "at once"),
        (b'{"schemaVersion": 2, "layers": []}', "no configuration"),
        (manifest(b"{}", mediaType="application/vnd.other+json"), "vnd.other"),
    ],
)
def test_what_is_no_image_is_told_why(
    depot: Depot, source: OciSource, folder: Path, registry: Hostile, data: bytes, why: str
) -> None:
    registry.pages["/v2/shop/web/manifests/1"] = Reply(data)
    with pytest.raises(ArtifactMistyped, match=why):
        source.resolve(_ref(f"{registry.host}/shop/web:1"), folder)
    assert list(depot.blobs) == []


def test_digests_of_another_algorithm_are_refused(source: OciSource, folder: Path, registry: Hostile) -> None:
    described = {"mediaType": MANIFEST, "digest": "sha512:" + "1" * 128, "size": 1}
    registry.pages["/v2/shop/web/manifests/1"] = Reply(index(described))
    with pytest.raises(ArtifactMistyped, match="sha256"):
        source.resolve(_ref(f"{registry.host}/shop/web:1"), folder)


def test_a_name_without_a_tag_is_refused(source: OciSource, folder: Path) -> None:
    with pytest.raises(Invalid, match=r"such as nginx:1\.0"):
        source.resolve(_ref("nginx"), folder)


@pytest.mark.parametrize(
    "layer",
    ["application/vnd.dev.cosign.simplesigning.v1+json", "application/vnd.in-toto+json", "text/spdx+json"],
)
def test_what_only_has_the_configuration_of_an_image_is_none(
    depot: Depot, source: OciSource, folder: Path, registry: Hostile, layer: str
) -> None:
    """As cosign and BuildKit make them."""
    data = manifest(configuration(), [told(b"x", layer)])
    registry.pages["/v2/shop/web/manifests/1"] = Reply(data)
    registry.pages[f"/v2/shop/web/blobs/{digest_of(configuration())}"] = Reply(configuration())
    with pytest.raises(ArtifactMistyped, match=layer.replace("+", r"\+")):
        source.resolve(_ref(f"{registry.host}/shop/web:1"), folder)
    assert list(depot.blobs) == []


@pytest.mark.parametrize(
    "data",
    [
        manifest(b"{}", config_type="x/\x1b[2J"),
        manifest(b"{}", artifactType="x/\x1b[2J"),
        manifest(b"{}", mediaType="x/\x1b[2J"),
        index(artifactType="x/\x1b[2J"),
    ],
)
def test_what_a_stranger_calls_itself_is_not_repeated(
    source: OciSource, folder: Path, registry: Hostile, data: bytes
) -> None:
    registry.pages["/v2/shop/web/manifests/1"] = Reply(data)
    with pytest.raises(ArtifactMistyped) as refused:
        source.resolve(_ref(f"{registry.host}/shop/web:1"), folder)
    assert "\x1b" not in str(refused.value)


def test_platforms_are_fit_to_be_shown(source: OciSource, folder: Path, registry: Hostile) -> None:
    config = configuration("\x1b[2J")
    data = manifest(config)
    registry.pages["/v2/shop/web/manifests/1"] = Reply(data)
    registry.pages[f"/v2/shop/web/blobs/{digest_of(config)}"] = Reply(config)
    assert source.platforms(source.resolve(_ref(f"{registry.host}/shop/web:1"), folder)) == ()


def test_an_index_of_too_many_images_is_refused_before_they_are_asked_for(
    source: OciSource, folder: Path, registry: Hostile
) -> None:
    registry.pages["/v2/shop/web/manifests/1"] = Reply(index(*(told(b"%d" % n, MANIFEST) for n in range(1000))))
    with pytest.raises(ArtifactMistyped, match="1000 images"):
        source.resolve(_ref(f"{registry.host}/shop/web:1"), folder)
    assert len(registry.asked) == 1


def test_what_is_known_is_not_fetched_again(source: OciSource, folder: Path, registry: Hostile) -> None:
    one = manifest(configuration())
    whole = index(told(one, MANIFEST, platform={"os": "linux", "architecture": "amd64"}))
    for which, data in (("1", whole), (digest_of(one), one)):
        registry.pages[f"/v2/shop/web/manifests/{which}"] = Reply(data)
    first = source.resolve(_ref(f"{registry.host}/shop/web:1"), folder)
    registry.asked.clear()
    assert source.resolve(_ref(f"{registry.host}/shop/web:1"), folder) == first
    assert source.latest(_ref(f"{registry.host}/shop/web:1"), folder).name.endswith(first.digest)
    assert {one.path for one in registry.asked} == {"/v2/shop/web/manifests/1"}
