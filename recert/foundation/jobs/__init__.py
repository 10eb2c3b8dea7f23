"""Jobs: registering what the worker does, and threads for work that waits for servers."""
