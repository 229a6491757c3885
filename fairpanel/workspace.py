"""Where things lie in a workspace: one folder is one organisation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fairpanel import migrations, storage
from fairpanel.storage import UNUSABLE
from fairpanel.workspace_error import WorkspaceError as WorkspaceError


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths only; nothing is written here but by `create`, and nothing read but where tables lie."""

    root: Path

    @property
    def config_file(self) -> Path:
        return self.root / "fairpanel.toml"

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def restricted(self) -> Path:
        """Demographics and quarantined rows: readable by fewer people than the lake."""
        return self.root / "restricted"

    def location(self, area: storage.Area) -> str | Path:
        """Where the tables of an area lie: its folder here, or what [storage] in fairpanel.toml says, a folder elsewhere or
        the address of an object store. Raises WorkspaceError where that cannot be used."""
        try:
            return storage.of_file(self.config_file).get(area, self.root / area)
        except storage.PlaceError as error:
            raise WorkspaceError(str(error)) from error

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger" / "ledger.jsonl"

    @property
    def head(self) -> Path:
        """Number and hash of the ledger's last entry."""
        return self.ledger.with_name("head.json")

    @property
    def attempts(self) -> Path:
        """What became of the last try at every scope (`fairpanel.store.attempts`)."""
        return self.root / "runs" / "attempts.jsonl"

    @property
    def lock_file(self) -> Path:
        return self.root / ".lock"

    def create(self) -> Workspace:
        """Makes the folders that are missing, and brings an older workspace up to date. Raises WorkspaceError where that is
        not possible, or the workspace is of a newer format."""
        if found := sorted(set(str(self.root.absolute())) & UNUSABLE):
            raise WorkspaceError(
                f"the path of the workspace {self.root} has {' '.join(found)!r} in it, with which tables cannot be named. "
                "Choose another folder with --workspace."
            )
        migrations.require_known(self.root)
        is_new = not self.lake.exists()
        elsewhere = [place for area in storage.AREAS if isinstance(place := self.location(area), Path)]
        try:
            for folder in (self.inbox, self.lake, self.restricted, self.secrets, self.reports, self.ledger.parent):
                folder.mkdir(parents=True, exist_ok=True)
            for folder in elsewhere:
                folder.mkdir(parents=True, exist_ok=True)
            for private in (self.restricted, self.secrets, self.location("restricted")):
                if isinstance(private, Path):
                    private.chmod(0o700)
            probe = self.root / f".write-test-{os.getpid()}"
            probe.touch()
            probe.unlink()
            if is_new:
                migrations.begin(self.root)
        except (FileExistsError, NotADirectoryError) as error:
            raise WorkspaceError(
                f"{self.root} cannot be a workspace: it, or a folder in it, is a file ({error.filename})."
            ) from error
        except OSError as error:
            raise WorkspaceError(
                f"the workspace {self.root} cannot be written to ({error.strerror}). Choose another folder with --workspace, "
                "or ask for write access."
            ) from error
        migrations.bring_up_to_date(self)
        self._require_one_place()
        return self

    def _require_one_place(self) -> None:
        """Raises WorkspaceError where tables lie here although [storage] names another place: they would not be read."""
        for area in storage.AREAS:
            here, place = self.root / area, self.location(area)
            if place != here and any(here.glob("*/_delta_log")):
                raise WorkspaceError(
                    f"fairpanel.toml has storage.{area} = {str(place)!r}, but there are tables in {here} already. Copy "
                    f"everything in that folder there and rename it, or take the key out."
                )

    def existing(self) -> Workspace:
        """Brings an older workspace up to date. Raises WorkspaceError where there is none here, or one of a newer format."""
        migrations.require_known(self.root)
        if not self.lake.is_dir():
            raise WorkspaceError(
                f"there is no workspace in {self.root}. Make one with 'fairpanel init {self.root}', or ingest a file."
            )
        migrations.bring_up_to_date(self)
        self._require_one_place()
        return self
