"""Jobs: what happens by itself. APScheduler ticks; tables decide what is due."""
