"""The boundary to the platform: the only package that knows its key names, file formats and HTTP."""
