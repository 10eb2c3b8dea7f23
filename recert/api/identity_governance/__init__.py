"""What OpenText Identity Governance reads (collectors) and sends (fulfilment)."""
