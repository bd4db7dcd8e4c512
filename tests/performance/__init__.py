"""How fast the gateway, the sequencer and the verifier are, and what they need: the program behind `make bench`."""
