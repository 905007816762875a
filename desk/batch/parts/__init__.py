"""The parts of a batch's page: content without layout."""
