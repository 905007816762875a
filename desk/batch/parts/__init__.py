"""The parts of a batch's page: what is shown, without how it is laid out."""
