"""symdyn measured against its peers in one run; its peers are no dependency of symdyn (see requirements.txt)."""
