"""What takes minutes to survive: kills, crash points, damage, hostile input, size. ``make chaos``."""
