"""The platform's words: the only package that knows its key names, its file formats and its HTTP."""
