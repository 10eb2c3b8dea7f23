"""Pages before or without signing in: sign-in, links of mails, the demo's mailbox."""

from recert.web.public import (
    challenge_link,
    demo_mailbox,
    folder_link,
    home,
    item_link,
    sign_in,
    single_sign_on,
    styleguide,
    unsubscribe,
)

PAGES = (sign_in, single_sign_on, home, item_link, folder_link, challenge_link, unsubscribe)
DEMO_PAGES = (demo_mailbox, styleguide)
