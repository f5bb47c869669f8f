"""Rule-based models: patterns of molecules with sites and bonds, and the reaction networks that rules generate from them."""
