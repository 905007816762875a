"""What a person can do to a batch: each verb once, for desk, API and clock."""
