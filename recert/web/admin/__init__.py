"""Pages of administrators: servers, orders, people."""

from recert.web.admin import emergency_accounts, interfaces, orders, people, servers

SERVERS = (servers, emergency_accounts, interfaces)
PAGES = (*SERVERS, orders, people)
