"""Pages of administrators: servers, orders, people."""

from recert.web.admin import (
    emergency_accounts,
    interfaces,
    orders,
    people,
    people_sources,
    servers,
)

SERVERS = (servers, emergency_accounts, interfaces)
PEOPLE = (people, people_sources)
PAGES = (*SERVERS, orders, *PEOPLE)
