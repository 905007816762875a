"""Contact files as they came, encrypted on disk from the download until the batch ends.

`spooled` is what others call: `find`, `open_file`, `replace`. docs/architecture/spool.md explains it.
"""
