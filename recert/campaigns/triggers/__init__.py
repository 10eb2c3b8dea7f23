"""What happens between campaigns and starts a micro-campaign."""
