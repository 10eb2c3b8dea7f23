"""Pages of administrators: servers, orders, people."""
