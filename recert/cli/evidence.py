"""Commands for evidence."""

from pathlib import Path

import click

from recert.campaigns import service as campaigns
from recert.cli.base import EXIT_ERROR, EXIT_FINDINGS, Shell, cli, shell
from recert.evidence import service, verifier
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
    made = service.export(context.db, found, out, key, zone=zone, actor=context.actor, now=now)
    click.echo(f"{out}: {made.size} bytes, SHA-256 {made.sha256}")


@evidence.command("verify")
@click.argument("package", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", help="Fingerprint of the key that must have sealed it.")
def evidence_verify(package: Path, key: str) -> int:
    """Check a package. The same program lies in the package as verify.py."""
    code = verifier.main([str(package), "--key", key])
    return code if code in (EXIT_ERROR, EXIT_FINDINGS) else 0
