"""Constants that the loops for processors and those for cards share; the text of a kernel for a card holds them."""
