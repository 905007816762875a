"""Number formats, where Django's own differ from those that the screens promise."""
