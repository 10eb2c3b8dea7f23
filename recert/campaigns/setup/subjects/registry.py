"""The kinds of questions there are. A new one is one module and one line here."""

from recert.campaigns.models import Subject
from recert.campaigns.setup.subjects.access import AccessQuestion
from recert.campaigns.setup.subjects.contract import Question
from recert.campaigns.setup.subjects.membership import MembershipQuestion
from recert.campaigns.setup.subjects.ownership import OwnershipQuestion
from recert.campaigns.setup.subjects.service_account import ServiceAccountQuestion

QUESTIONS: dict[Subject, Question] = {
    question.subject: question
    for question in (
        AccessQuestion(),
        MembershipQuestion(),
        OwnershipQuestion(),
        ServiceAccountQuestion(),
    )
}


def kind_of(subject: Subject | str) -> Question:
    """What is asked, by its subject or by the value that a row holds of it."""
    return QUESTIONS[Subject(subject)]
