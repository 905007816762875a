"""What orchestrators and operators ask."""
