"""Services beside the platform: consent, receivers of transfers, and the REST API for contacts."""
