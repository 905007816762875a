"""Write properties and tags to the platform's contacts."""
