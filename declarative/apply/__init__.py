"""Plans are carried out here: every step recorded before and after its call."""
