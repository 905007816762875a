"""`python -m demo`: the gateway and the simulator together, with real sendouts."""
