"""Theory against simulation: predictions, experiments, one table with a false-alarm rate."""
