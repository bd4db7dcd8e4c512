"""The records and bodies of a data folder as a timeline for people: who did what, through what, and what came back."""
