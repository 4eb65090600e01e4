"""What is imported inside the server. Nothing here imports the rest of the package."""
