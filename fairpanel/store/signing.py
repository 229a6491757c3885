"""Ed25519 signatures of ledger entries. The private key lies outside the workspace: whoever can write to the workspace
alone cannot sign. What is signed is the entry's hash as it stands in the ledger, 64 characters."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNING_KEY = "FAIRPANEL_SIGNING_KEY"
PEM = "-----BEGIN"


class SigningKeyError(ValueError):
    """A key for signatures is missing, is no Ed25519 key in PEM, or may not lie where it should."""


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs with a private key. The key is not shown when this is printed."""

    key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Signer(fingerprint={self.fingerprint!r})"

    @property
    def fingerprint(self) -> str:
        return _fingerprint(self.key.public_key())

    def sign(self, text: str) -> str:
        """The signature as 128 hexadecimal digits; the same for the same text."""
        return self.key.sign(text.encode()).hex()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Checks signatures made with its private key."""

    key: Ed25519PublicKey

    @property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the raw public key."""
        return _fingerprint(self.key)

    def signed(self, text: str, signature: str) -> bool:
        """Whether this is the signature of the text, spelled as it was written: small letters, no spaces."""
        from cryptography.exceptions import InvalidSignature

        try:
            content = bytes.fromhex(signature)
            if content.hex() != signature:
                return False
            self.key.verify(content, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def from_environment() -> Signer | None:
    """The key in FAIRPANEL_SIGNING_KEY (PEM, or the path of a PEM file); None where it is not set."""
    given = os.environ.get(SIGNING_KEY, "").strip()
    if not given:
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    what = SIGNING_KEY if given.startswith(PEM) else f"{SIGNING_KEY} ({given})"
    content = given.encode() if given.startswith(PEM) else _read(Path(given), what)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyError(
            f"{what} holds no private key in PEM without a password. Make one with 'fairpanel key new PATH'."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"{what} is not an Ed25519 key. Make one with 'fairpanel key new PATH'.")
    return Signer(key)


def public_key(path: Path) -> PublicKey:
    """The public key in a PEM file. Raises SigningKeyError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(path, str(path))
    try:
        key = load_pem_public_key(content)
    except ValueError as error:
        raise SigningKeyError(
            f"{path} holds no public key in PEM; 'fairpanel key new' writes it as PATH.pub."
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"{path} is not the public key of an Ed25519 key.")
    return PublicKey(key)


def new(path: Path, workspace: Path) -> str:
    """Writes a private key (mode 0600) and PATH.pub; returns the fingerprint. Overwrites nothing.

    Raises SigningKeyError where the path is taken, or inside the workspace: there it would sign for whoever can write.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    if path.resolve().is_relative_to(workspace.resolve()):
        raise SigningKeyError(
            f"{path} lies inside the workspace {workspace}: whoever can change the ledger could sign it anew. Choose another "
            "place."
        )
    public = path.with_name(path.name + ".pub")
    for taken in (path, public):
        if taken.exists():
            raise SigningKeyError(f"{taken} exists already and is not overwritten. Choose another name.")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    shown = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for target, content, mode in ((path, private, 0o600), (public, shown, 0o644)):
        try:
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except OSError as error:
            raise SigningKeyError(f"{target} cannot be written: {error.strerror}.") from error
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return _fingerprint(key.public_key())


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SigningKeyError(f"{what} cannot be read: {error.strerror}.") from error


def _fingerprint(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]
