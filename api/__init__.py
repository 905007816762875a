"""What programs read and decide over HTTP: the same rows and the same functions as the screens."""
