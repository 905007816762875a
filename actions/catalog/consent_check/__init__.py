"""Ask a service whether a contact consents."""
