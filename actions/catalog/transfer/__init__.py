"""Send the outcome of a batch to another system: HTTP, S3 or SFTP."""
