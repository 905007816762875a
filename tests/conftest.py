"""What every test shares."""

import os

from hypothesis import settings

# The same examples at every run: a change is judged by what it changed. Longer, random searches are made on purpose.
settings.register_profile("steady", derandomize=True)
settings.register_profile("long", derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
