"""Recovery measured by the protocols of published studies, beside its peers."""
