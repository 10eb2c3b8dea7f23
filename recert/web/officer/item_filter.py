"""What a list of items is narrowed to, as it stands in the address of the page."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from recert.campaigns.models import Answer, ItemState
from recert.campaigns.reviewing.item_filter import ItemFilter
from recert.inventory.models import Folder
from recert.people.models import Person
from recert.web.converters import number

NAMES = ("state", "answer", "reviewer", "server", "folder", "overdue", "conflict", "postponed")
ANSWERS = {
    Answer.KEEP.value: "keep",
    Answer.REDUCE.value: "reduce",
    Answer.REVOKE.value: "remove",
    Answer.NO_ANSWER.value: "no answer, by policy",
}


def asked(args: Mapping[str, str]) -> dict[str, str]:
    """The filter of this page, for the links to the next one."""
    return {name: args[name] for name in NAMES if args.get(name)}


def wanted(args: "MultiDict[str, str]", *, now: datetime) -> ItemFilter:
    """The filter of an address; what makes no sense in it is left out."""
    state, answer = args.get("state", ""), args.get("answer", "")
    return ItemFilter(
        state=ItemState(state) if state in {each.value for each in ItemState} else None,
        reviewer_id=args.get("reviewer", type=number),
        queue_only=args.get("reviewer") == "queue",
        server_id=args.get("server", type=number),
        folder_id=args.get("folder", type=number),
        answer=Answer(answer) if answer in ANSWERS else None,
        overdue_at=now if args.get("overdue") else None,
        conflict=bool(args.get("conflict")),
        postponed=bool(args.get("postponed")),
    )


def chosen(session: Session, wanted: ItemFilter) -> dict[str, str]:
    """The reviewer and the folder of a filter, by name."""
    found = {}
    if wanted.queue_only:
        found["reviewer"] = "Compliance queue"
    elif wanted.reviewer_id:
        person = session.get(Person, wanted.reviewer_id)
        found["reviewer"] = person.name if person else "nobody"
    if wanted.folder_id:
        folder = session.get(Folder, wanted.folder_id)
        found["folder"] = folder.path if folder else "no folder"
    return found
