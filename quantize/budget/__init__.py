"""The cheapest mix of int8 and float32 layers whose drop in accuracy stays within a budget."""
