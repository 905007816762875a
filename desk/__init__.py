"""What marketers, managers and operators see."""
