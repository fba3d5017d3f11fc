"""Random workflows, random causes, and crashes between any two transactions, on two replicas."""
