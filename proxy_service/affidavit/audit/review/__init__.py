"""Looking back at calls that were decided: who, what, and what the policy said then."""
