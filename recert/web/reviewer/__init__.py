"""Pages of reviewers, and of whoever loses access."""

from recert.web.reviewer import challenges, reviews

PAGES = (reviews, challenges)
