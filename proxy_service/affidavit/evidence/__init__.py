"""What happened: records, segments, their writer."""
