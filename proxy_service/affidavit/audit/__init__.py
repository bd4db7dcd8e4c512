"""Why believe it: the sequencer that commits, the verifier that proves."""
