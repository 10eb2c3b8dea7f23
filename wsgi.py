"""For WSGI servers: `gunicorn wsgi:app`. Run the worker beside it: `recert worker`."""

import config
from recert.app import create_app

app = create_app(config.load())
