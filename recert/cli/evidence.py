"""Commands for evidence."""

import hashlib
import json
import zipfile
from pathlib import Path

import click

from recert.campaigns.setup import launch as campaigns
from recert.cli.base import EXIT_ERROR, EXIT_FINDINGS, Shell, cli, shell
from recert.evidence import verifier
from recert.evidence.package import export
from recert.evidence.package.summary import verifier_sha256
from recert.foundation import clock, secrets


@cli.group()
def evidence() -> None:
    """Packages for the auditor."""


@evidence.command("export")
@click.argument("campaign")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@shell
def evidence_export(context: Shell, campaign: str, out: Path) -> None:
    """Write the sealed package of a CAMPAIGN (name or number)."""
    with context.db.reading() as session:
        found = campaigns.campaign_by_name(session, campaign).id
    key = secrets.signing_key(context.settings.keys)
    zone, now = context.settings.zone, clock.now()
    made = export.export(context.db, found, out, key, zone=zone, actor=context.actor, now=now)
    click.echo(f"{out}: {made.size} bytes, SHA-256 {made.sha256}")


@evidence.command("verify")
@click.argument("package", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", help="Fingerprint of the key that must have sealed it.")
def evidence_verify(package: Path, key: str) -> int:
    """Check a package with the verifier of this installation, and compare that with the verify.py
    that lies in the package."""
    code = verifier.main([str(package), "--key", key])
    if code == 0:
        code = _compare(package)
    return code if code in (EXIT_ERROR, EXIT_FINDINGS) else 0


def _compare(package: Path) -> int:
    """A package whose verify.py nobody knows is not to be checked with it. A package of another
    version has another one."""
    with zipfile.ZipFile(package) as opened:
        packed = hashlib.sha256(opened.read("verify.py")).hexdigest()
        made_by = json.loads(opened.read("manifest.json"))["format"]
    ours = verifier_sha256()
    if packed == ours:
        click.echo(f"Its verify.py is that of this installation: SHA-256 {ours}.")
        return 0
    click.echo(f"Its verify.py is NOT that of this installation: SHA-256 {packed}, here {ours}.")
    click.echo("Do not run it before you know where it comes from.")
    return 0 if made_by != export.FORMAT else EXIT_FINDINGS


@evidence.command("verifier")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there too.")
def evidence_verifier(out: Path | None) -> None:
    """Print the SHA-256 of this version's verify.py, which docs/auditing.md publishes."""
    if out:
        out.write_bytes(Path(verifier.__file__).read_bytes())
    click.echo(verifier_sha256())
