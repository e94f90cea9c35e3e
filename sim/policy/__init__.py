"""What an administrator can choose, as functions without state, die or network: one copy for the model and the lab."""
