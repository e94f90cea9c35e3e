"""Methods of output analysis on plain numbers: they know no mail, no scenario and no run."""
