"""What stands between the web server and Django: requests wait here, not in threads."""
