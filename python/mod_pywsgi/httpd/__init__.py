"""What the installed Apache httpd is and can."""
