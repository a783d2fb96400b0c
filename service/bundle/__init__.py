"""Bundles: what they say of themselves, and how they are checked and loaded."""

from service.bundle.loader import Bundle, Provider, find_bundles, load_bundle
from service.bundle.manifest import Manifest, Precision

__all__ = ["Bundle", "Manifest", "Precision", "Provider", "find_bundles", "load_bundle"]
