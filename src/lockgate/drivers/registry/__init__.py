"""Registries of images, by the OCI distribution protocol 1.1: see :class:`client.Registries`."""

from lockgate.drivers.registry.attachments import Attachment, Payload, attachments, payloads
from lockgate.drivers.registry.client import Manifest, Registries
from lockgate.drivers.registry.names import HUB, ImageName, image_name, is_hub

__all__ = [
    "HUB",
    "Attachment",
    "ImageName",
    "Manifest",
    "Payload",
    "Registries",
    "attachments",
    "image_name",
    "is_hub",
    "payloads",
]
