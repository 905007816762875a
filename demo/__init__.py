"""`python -m demo`: the gateway and the simulator together, playing real sendouts through the gate."""
