"""What every test shares."""

from hypothesis import settings

# The same examples at every run: a change is judged by what it changed. Longer, random searches are made on purpose.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")
